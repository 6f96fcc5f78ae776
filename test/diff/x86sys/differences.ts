// Where QEMU 7.2 and the manual differ, and the manual decides: what QEMU prints, and what stands there in ours.
export type Difference = { readonly theirs: RegExp; readonly ours: string; readonly why: string }

export const differences: readonly Difference[] = [
  { theirs: /#e err=8 /, ours: '#e err=9 ', why: 'a reserved bit is only looked at in an entry that is present: RSVD comes with P (SDM 3, 4.7)' },
  { theirs: /#e err=a /, ours: '#e err=b ', why: 'the same' },
  { theirs: /#e err=c /, ours: '#e err=d ', why: 'the same' },
  { theirs: /#e err=e /, ours: '#e err=f ', why: 'the same' },
  { theirs: /#e err=18 /, ours: '#e err=19 ', why: 'the same' },
  { theirs: /#e err=1c /, ours: '#e err=1d ', why: 'the same' },
  { theirs: /dr6=ffff0ff0 dr6=ffffffff dr6=ffff0ff0 dr6=ffffffff/, ours: 'dr6=ffff0ff0 dr6=ffffefff dr6=ffff0ff0 dr6=ffffefff',
    why: 'bit 12 of DR6 is always 0 (SDM 3, 17.2.3)' },
]
