// Where QEMU 7.2 and the manual differ, and the manual decides: what QEMU prints, and what stands there in ours.
export type Difference = { readonly theirs: RegExp; readonly ours: string; readonly why: string }

const RESERVED = 'a reserved bit is only looked at in an entry that is present: RSVD comes with P (SDM 3, 4.7)'

export const differences: readonly Difference[] = [
  ...['8', 'a', 'c', 'e', '18', '1c'].map(error => ({
    theirs: new RegExp(`#e err=${error} `), ours: `#e err=${(parseInt(error, 16) | 1).toString(16)} `, why: RESERVED,
  })),
  { theirs: /dr6=ffff0ff1 dr7=fd0409/, ours: 'dr6=ffff0ff3 dr7=fd0409', why: 'all breakpoints that an access meets are in DR6 (SDM 3, 17.2.3)' },
  { theirs: /dr6=ffff0ff0 dr6=ffffffff dr6=ffff0ff0 dr6=ffffffff/, ours: 'dr6=ffff0ff0 dr6=ffffefff dr6=ffff0ff0 dr6=ffffefff',
    why: 'bit 12 of DR6 is always 0 (SDM 3, 17.2.3)' },
]
