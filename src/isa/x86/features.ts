// Feature flags of CPUID by the names that QEMU's users know: where each stands, and which of them this processor has. Intel SDM
// volume 2, CPUID; AMD64 volume 3, appendix E.

/** A word of CPUID's answers that holds flags. */
export type FeatureWord = '1.edx' | '1.ecx' | '7.ebx' | '7.ecx' | '7.edx' | '80000001.edx' | '80000001.ecx' | 'd.1.eax' | '6.eax' | '80000007.edx'

/** Bits 0, 1, … of each word; a dot is a bit without a name. */
const WORDS: { readonly [W in FeatureWord]: string } = {
  '1.edx': 'fpu vme de pse tsc msr pae mce cx8 apic . sep mtrr pge mca cmov pat pse36 pn clflush . ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe',
  '1.ecx': 'sse3 pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid . fma cx16 xtpr pdcm . pcid dca sse4.1 sse4.2 x2apic movbe popcnt '
    + 'tsc-deadline aes xsave . avx f16c rdrand hypervisor',
  '7.ebx': 'fsgsbase tsc-adjust sgx bmi1 hle avx2 . smep bmi2 erms invpcid rtm . . mpx . avx512f avx512dq rdseed adx smap avx512ifma . clflushopt '
    + 'clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl',
  '7.ecx': '. avx512vbmi umip pku . waitpkg avx512vbmi2 . gfni vaes vpclmulqdq avx512vnni avx512bitalg . avx512-vpopcntdq . la57 . . . . . rdpid',
  '7.edx': '. . . . fsrm',
  '80000001.edx': '. . . . . . . . . . . syscall . . . . . . . . nx . mmxext . . fxsr-opt pdpe1gb rdtscp . lm 3dnowext 3dnow',
  '80000001.ecx': 'lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw',
  'd.1.eax': 'xsaveopt xsavec xgetbv1 xsaves',
  '6.eax': '. . arat',
  '80000007.edx': '. . . . . . . . invtsc',
}

/** Where a feature's bit is. */
export const featureBits: ReadonlyMap<string, { readonly word: FeatureWord; readonly bit: number }> = new Map(
  (Object.keys(WORDS) as FeatureWord[]).flatMap(word =>
    WORDS[word].split(' ').flatMap((name, bit) => (name === '.' ? [] : [[name, { word, bit }] as const]))),
)

/** What this processor does. Nothing else is ever offered, whatever a model says. */
export const available: ReadonlySet<string> = new Set(('de pse tsc msr pae cx8 apic sep mtrr pge cmov pat pse36 clflush pcid x2apic movbe popcnt '
  + 'tsc-deadline hypervisor fsgsbase bmi1 smep bmi2 erms invpcid smap clflushopt clwb umip la57 rdpid syscall nx pdpe1gb rdtscp lm '
  + 'lahf-lm abm 3dnowprefetch arat fsrm adx fpu mmx fxsr sse sse2 sse3 ssse3 '
  + 'sse4.1 sse4.2 cx16 rdrand rdseed tsc-adjust invtsc xsave xsaveopt xsavec xgetbv1').split(' '))
