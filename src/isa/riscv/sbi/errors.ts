/** Error codes of the SBI specification, chapter 3. */
export const SbiError = { SUCCESS: 0, FAILED: -1, NOT_SUPPORTED: -2, INVALID_PARAM: -3, DENIED: -4,
  INVALID_ADDRESS: -5, ALREADY_AVAILABLE: -6 } as const
