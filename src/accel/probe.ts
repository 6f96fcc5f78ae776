// What accelerators can say of themselves before a machine is made.

/** Why an accelerator cannot be had, or should not be taken by itself. */
export type AccelObstacle =
  /** Not this operating system, not this processor for guests of this architecture, no package for calls of the system. */
  | 'system' | 'processor' | 'package'
  /** No device file, no right to open it, something else has the processor. */
  | 'device' | 'permission' | 'busy'
  /** The kernel lacks something. */
  | 'old'
  /** It works, slowly. */
  | 'slow'
  | 'unimplemented'

export type AccelStatus = {
  readonly name: string
  /** A machine can be made with it. */
  readonly usable: boolean
  readonly obstacle?: AccelObstacle
  /** In words, for a user: why not, or what is odd about it. */
  readonly reason?: string
  readonly hint?: string
}
