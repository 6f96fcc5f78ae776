// Whether KVM can be had here, and whether it is worth it. A device that opens is not yet a fast one: on some hosts the kernel emulates
// privileged instructions one by one, which a short measured loop tells.
import { VmError } from '../../base/errors.ts'
import type { Host, HostNative } from '../../host/host.ts'
import type { AccelObstacle, AccelStatus } from '../probe.ts'
import { API_VERSION, Request } from './abi.ts'
import type { KvmArch, Measured } from './arch.ts'
import { DEVICE, NEEDED } from './device.ts'

/** An instruction on a processor takes a fraction of one; emulated by a recompiler below, a few; by the kernel, hundreds. */
const SLOW_NS = 100

export type KvmProbe =
  | { readonly status: AccelStatus & { readonly usable: false }; readonly native?: undefined }
  | { readonly status: AccelStatus & { readonly usable: true }; readonly native: HostNative; readonly arch: KvmArch; readonly measured: Measured }

export function probeKvm(host: Pick<Host, 'native' | 'nowNs'>, arch: KvmArch | undefined): KvmProbe {
  const no = (obstacle: AccelObstacle, reason: string, hint?: string): KvmProbe =>
    ({ status: { name: 'kvm', usable: false, obstacle, reason, ...(hint !== undefined && { hint }) } })
  if (arch === undefined) return no('processor', 'no processor of a host runs guests of this architecture')
  const native = host.native?.()
  if (native === undefined) return no('system', 'not in a browser')
  if (native.missing !== undefined) return no(native.missing, native.reason, native.missing === 'package' ? 'npm install koffi' : undefined)
  if (native.processor !== arch.host) return no('processor', `this host's processor (${native.processor}) does not run guests of this architecture`)
  const access = native.access(DEVICE)
  if (!access) return no('device', `there is no ${DEVICE}`, 'the kernel module kvm_intel or kvm_amd makes it, where firmware lets the processor virtualize')
  if (!access.mayOpen)
    return no('permission', `${DEVICE}: permission denied`, access.group === undefined ? 'nobody but root may use it' : `members of the group ${access.group} may use it`)
  const fd = native.open(DEVICE)
  if (fd < 0) return no('device', `${DEVICE}: ${native.errorName(fd)}`)
  try {
    const version = native.ioctl(fd, Request.GET_API_VERSION)
    if (version !== API_VERSION) return no('old', `version ${version} of its interface, not ${API_VERSION}`)
    const lacks = [...NEEDED, ...arch.needs].find(([cap]) => native.ioctl(fd, Request.CHECK_EXTENSION, cap) <= 0)
    if (lacks) return no('old', `the kernel lacks ${lacks[1]}`)
  } finally {
    native.close(fd)
  }
  try {
    const measured = arch.measure(native, () => host.nowNs()), slow = measured.nsPerInsn > SLOW_NS
    const speed = Number.isFinite(measured.nsPerInsn) ? `${Math.round(measured.nsPerInsn)} ns for an instruction` : 'it does not run a loop'
    return {
      native, arch, measured,
      status: { name: 'kvm', usable: true, ...(slow && { obstacle: 'slow', reason: `the kernel emulates instructions here (${speed})` }) },
    }
  } catch (error) {
    if (!(error instanceof VmError)) throw error
    return no('busy', error.message.replace(/^kvm: /, ''), error.hint)
  }
}
