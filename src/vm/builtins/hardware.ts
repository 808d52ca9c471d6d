/**
 * Builtins that talk to hardware: CPU registers and TLBs, user accesses, DMA, the IOMMU's tables and queues.
 */
import { PAGE_SIZE } from '../../base/address';
import { isHardware } from '../../language/threads';
import type { Outcome } from '../../machine/cpu';
import { PPR_FAILURE } from '../../machine/page-group';
import { compileExpr, compilePlace } from '../expressions';
import { NOTED } from '../happened';
import { STAY, SWITCHED } from '../instructions';
import { THREAD } from '../layout';
import * as stack from '../stack';
import type { Vm } from '../vm';
import { type Action, argument, type BuiltinMaker, does, placeOf, values } from './maker';

/** Whether a reference to a device, IOMMU or log entry leads anywhere; a finding if not. */
function leads(vm: Vm, what: 'device' | 'iommu' | 'ppr', reference: number): boolean {
  const { iommus } = vm.program.scenario.machine;
  const counts = {
    device: vm.machine.devices.length,
    iommu: iommus.length,
    ppr: iommus.reduce((count, iommu) => count + iommu.pprLog, 0),
  };
  if (1 <= reference && reference <= counts[what]) return true;
  vm.violate('assertion', `${reference === 0 ? 'NULL' : reference} is followed where a ${what} is needed`);
  return false;
}

/** A builtin whose first argument must lead to a device, IOMMU or log entry; 0 if it does not. */
function on(what: 'device' | 'iommu' | 'ppr', action: Action): BuiltinMaker {
  return values((vm, reference = 0, ...rest) =>
    leads(vm, what, reference) ? action(vm, reference, ...rest) : 0,
  );
}

/** The same for a statement with no result. */
function tell(what: 'device' | 'iommu', action: (vm: Vm, ...args: number[]) => void) {
  return on(what, (vm, ...args) => {
    action(vm, ...args);
    return 0;
  });
}

/** Queues a command; waits for room when the queue is full. */
function queues(what: 'device' | 'iommu', action: (vm: Vm, ...args: number[]) => boolean): BuiltinMaker {
  return does((vm, reference = 0, ...rest) => {
    if (!leads(vm, what, reference) || action(vm, reference, ...rest)) return;
    const agents = vm.threads.filter(thread => thread.kind === 'commands').map(thread => thread.id);
    vm.block('waits for room in the command queue', agents);
  });
}

/** The CPU a task runs on; a finding for threads that run on none. */
function cpuOf(vm: Vm, what: string): number {
  const cpu = vm.threads[vm.thread]?.cpu ?? -1;
  if (cpu < 0)
    vm.violate('assertion', `${what} needs a CPU, and ${vm.threads[vm.thread]?.name ?? '?'} runs on none`);
  return cpu;
}

/** One step of a user access. An interrupt that is pending is taken first; a fault calls the fault entry. */
function access(write: boolean): BuiltinMaker {
  return (vm, args) => {
    const address = compileExpr(vm, argument(args, 0));
    const value = args[1] === undefined ? (): number => 0 : compileExpr(vm, args[1]);
    const fault = Object.values(vm.program.functions).find(fn => fn.role === 'fault');
    const entry = fault === undefined ? undefined : vm.functionIndex.get(fault.key);
    return () => {
      const cpu = cpuOf(vm, write ? 'store' : 'load');
      if (cpu < 0) return 0;
      const interruptsOn = vm.words.get(vm.threadBase(vm.thread) + THREAD.irqOff) === 0;
      if (interruptsOn && vm.words.get(vm.layout.pendingInterrupts + cpu) !== 0) {
        const irq = vm.threads.find(thread => thread.kind === 'cpu' && thread.cpu === cpu);
        vm.block(`takes the interrupt pending on cpu${cpu} first`, irq === undefined ? [] : [irq.id]);
        return 0;
      }
      const outcome = vm.machine.cpuAccess(cpu, address(), write, value());
      if (outcome === 'more') return STAY;
      if (outcome === 'done') return vm.machine.value;
      if (entry === undefined) {
        vm.note(NOTED.killed);
        vm.emit({ type: 'sigsegv', thread: vm.thread, address: address() });
        return 0;
      }
      stack.push(vm, vm.thread, entry, [address(), write ? 1 : 0]);
      return SWITCHED;
    };
  };
}

/** Why a guest was left, as VMX numbers it. */
const EXIT = { interrupt: 1, hlt: 12, eptViolation: 48 } as const;

/** The unit of a virtual CPU; -1, and a finding, if there is none. */
function vcpuOf(vm: Vm, what: string, number: number): number {
  const { vcpus } = vm.program.scenario.machine;
  if (0 <= number && number < vcpus) return vm.machine.vcpu(number);
  const text = `${what}: there is no virtual CPU ${number}: the machine has ${vcpus} (vcpus)`;
  vm.violate('assertion', text);
  return -1;
}

/** A statement about a virtual CPU. */
function onVcpu(what: string, action: (vm: Vm, unit: number, argument: number) => void): BuiltinMaker {
  return does((vm, number = 0, argument = 0) => {
    const unit = vcpuOf(vm, what, number);
    if (unit >= 0) action(vm, unit, argument);
  });
}

/** One step of an access of a guest. An interrupt of the CPU makes it leave, and so does a fault. */
function guestAccess(write: boolean): BuiltinMaker {
  const name = write ? 'guest_store' : 'guest_load';
  return (vm, args) => {
    const [number, gpa, hva] = [0, 1, 2].map(index => compileExpr(vm, argument(args, index)));
    const last = argument(args, 3);
    const place = write ? null : compilePlace(vm, placeOf(last));
    const stored = write ? compileExpr(vm, last) : () => 0;
    return () => {
      const cpu = cpuOf(vm, name);
      const unit = cpu < 0 ? -1 : vcpuOf(vm, name, number?.() ?? 0);
      if (unit < 0) return 0;
      if (!vm.machine.isRunning(unit)) {
        vm.violate('assertion', `${name}: the guest was not entered (vm_enter)`);
        return 0;
      }
      const exit = (reason: number): number => {
        vm.machine.setRunning(unit, false);
        return reason;
      };
      if (vm.words.get(vm.layout.pendingInterrupts + cpu) !== 0) return exit(EXIT.interrupt);
      const address = gpa?.() ?? 0;
      vm.monitors.judgeGuestAt((hva?.() ?? 0) - address);
      const outcome = vm.machine.cpuAccess(unit, address, write, stored());
      vm.monitors.judgeGuestAt(0);
      if (outcome === 'more') return STAY;
      if (outcome !== 'done') return exit(EXIT.eptViolation);
      place?.write(vm.machine.value);
      return exit(EXIT.hlt);
    };
  };
}

/** One step of a DMA: translation, and as a step of its own the access. */
function dma(write: boolean): BuiltinMaker {
  return (vm, args) => {
    const address = compileExpr(vm, argument(args, 0));
    const value = args[1] === undefined ? (): number => 0 : compileExpr(vm, args[1]);
    return () => {
      const thread = vm.threads[vm.thread];
      if (thread?.kind !== 'device') {
        vm.violate('assertion', 'DMA is made by device programs only');
        return 0;
      }
      const pasid = vm.program.scenario.devices[thread.index]?.pasid ?? 0;
      const outcome = vm.machine.dmaStep(thread.index, pasid, address(), write, value());
      if (outcome === 'more') return STAY;
      if (outcome === 'done') return vm.machine.value;
      if (outcome !== 'blocked') return 0;
      const agents = vm.threads.filter(isHardware).map(({ id }) => id);
      // Idle: a request that is never answered is the finding page-response, not a deadlock.
      vm.block('waits for its translation or the answer to its page request', agents, true);
      return 0;
    };
  };
}

/** One step of what a device program asks of its IOMMU without an access. */
function asks(step: (vm: Vm, program: number, pasid: number, ...args: number[]) => Outcome): BuiltinMaker {
  return values((vm, ...args) => {
    const thread = vm.threads[vm.thread];
    if (thread?.kind !== 'device') {
      vm.violate('assertion', 'page requests are made by device programs only');
      return 0;
    }
    const pasid = vm.program.scenario.devices[thread.index]?.pasid ?? 0;
    const outcome = step(vm, thread.index, pasid, ...args);
    if (outcome === 'more') return STAY;
    if (outcome === 'done') return vm.machine.value;
    const agents = vm.threads.filter(isHardware).map(({ id }) => id);
    vm.block('waits for the answer to its page requests', agents, true);
    return 0;
  });
}

/** A group of page requests; a finding if it is larger than what may ever be outstanding. */
function askForPages(vm: Vm, program: number, pasid: number, address = 0, size = 0, write = 0): Outcome {
  const device = vm.machine.programs[program]?.device;
  const pages = Math.max(1, Math.ceil(size / PAGE_SIZE));
  const allocation = device?.allocation() ?? 0;
  if (device?.hasPri() === true && pages > allocation) {
    const name = device.config.name;
    vm.violate('assertion', `request_pages: ${pages} pages, and ${name} may have ${allocation} outstanding`);
    vm.machine.value = PPR_FAILURE;
    return 'done';
  }
  return vm.machine.askStep(program, pasid, address, pages, write !== 0);
}

/** Enables PRI; a finding where it has not stopped. */
function enablePri(vm: Vm, device = 0, requests = 0): void {
  if (vm.machine.pri(device - 1).stopped) {
    vm.machine.enablePri(device - 1, requests);
    return;
  }
  const name = vm.machine.devices[device - 1]?.config.name ?? '?';
  vm.violate('assertion', `pri_enable: the page requests of ${name} have not stopped`);
}

/** The interrupt handlers of a program, in the order of their bits in a CPU's pending mask. */
export function interruptHandlers(vm: Vm): number[] {
  return vm.functions.filter(each => each.fn.role === 'interrupt').map(each => each.index);
}

/** CPU, device and IOMMU builtins. */
export const hardwareBuiltins = {
  load_cr3: does((vm, cpu = 0, root = 0) => {
    if (1 <= cpu && cpu <= vm.program.scenario.machine.cpus) vm.machine.loadCr3(cpu - 1, root - 1);
    else vm.violate('assertion', 'load_cr3: NULL is no CPU');
  }),
  invlpg: does((vm, address = 0) => {
    const cpu = cpuOf(vm, 'invlpg');
    if (cpu >= 0) vm.machine.invlpg(cpu, address);
  }),
  local_flush_tlb: does(vm => {
    const cpu = cpuOf(vm, 'local_flush_tlb');
    if (cpu >= 0) vm.machine.flushTlb(cpu);
  }),
  load_eptp: onVcpu('load_eptp', (vm, unit, root) => vm.machine.loadCr3(unit, root - 1)),
  invept: onVcpu('invept', (vm, unit) => vm.machine.flushTlb(unit)),
  vcpu_count: values(vm => vm.program.scenario.machine.vcpus),
  vm_enter: onVcpu('vm_enter', (vm, unit) => vm.machine.setRunning(unit, true)),
  guest_load: guestAccess(false),
  guest_store: guestAccess(true),
  send_ipi: does((vm, cpu = 0, fn = 0) => {
    const bit = interruptHandlers(vm).indexOf(fn - 1);
    const index = vm.layout.pendingInterrupts + cpu - 1;
    if (1 <= cpu && cpu <= vm.program.scenario.machine.cpus)
      vm.words.put(index, vm.words.get(index) | (1 << bit));
    else vm.violate('assertion', 'send_ipi: NULL is no CPU');
  }),
  load: access(false),
  store: access(true),
  dma_read: dma(false),
  dma_write: dma(true),
  request_pages: asks(askForPages),
  stop_marker: asks((vm, program, pasid) => vm.machine.stopStep(program, pasid)),
  device_iommu: on('device', (vm, device = 0) => vm.machine.iommuOf(device - 1) + 1),
  has_ats: on('device', (vm, device = 0) => (vm.machine.hasAts(device - 1) ? 1 : 0)),
  set_gcr3: tell('device', (vm, device = 0, pasid = 0, root = 0) =>
    vm.machine.setGcr3(device - 1, pasid, root - 1),
  ),
  clear_gcr3: tell('device', (vm, device = 0, pasid = 0) => vm.machine.clearGcr3(device - 1, pasid)),
  invalidate_iommu_pages: queues('device', (vm, device = 0, pasid = 0, address = 0, all = 0, pde = 0) =>
    vm.machine.queueInvalidatePages(
      vm.machine.iommuOf(device - 1),
      device - 1,
      pasid,
      address,
      all !== 0,
      pde !== 0,
    ),
  ),
  ext_iotlb_inv: queues('device', (vm, device = 0, pasid = 0, address = 0, am = 0, all = 0, ih = 0) =>
    vm.machine.queueInvalidatePages(
      vm.machine.iommuOf(device - 1),
      device - 1,
      pasid,
      address,
      all !== 0,
      ih === 0,
      am,
    ),
  ),
  ext_dev_tlb_inv: queues('device', (vm, device = 0, pasid = 0, address = 0, am = 0, all = 0) =>
    vm.machine.queueInvalidateIotlb(device - 1, pasid, address, all !== 0, am),
  ),
  invalidate_iotlb_pages: queues('device', (vm, device = 0, pasid = 0, address = 0, all = 0) =>
    vm.machine.queueInvalidateIotlb(device - 1, pasid, address, all !== 0),
  ),
  completion_wait: queues('iommu', (vm, iommu = 0) => vm.machine.queueCompletionWait(iommu - 1, vm.thread)),
  command_room: on('iommu', (vm, iommu = 0) => vm.machine.commandRoom(iommu - 1)),
  completion_timed_out: values(vm => (vm.machine.completionTimedOut(vm.thread) ? 1 : 0)),
  completion_done: values(vm => (vm.machine.completionDone(vm.thread) ? 1 : 0)),
  complete_ppr: queues('device', (vm, device = 0, pasid = 0, tag = 0, status = 0) =>
    vm.machine.queueCompletePpr(device - 1, pasid, tag, status),
  ),
  pri_enabled: on('device', (vm, device = 0) => (vm.machine.pri(device - 1).enabled ? 1 : 0)),
  pri_stopped: on('device', (vm, device = 0) => (vm.machine.pri(device - 1).stopped ? 1 : 0)),
  pri_failed: on('device', (vm, device = 0) => (vm.machine.pri(device - 1).responseFailure ? 1 : 0)),
  pri_unexpected: on('device', (vm, device = 0) => (vm.machine.pri(device - 1).unexpectedResponse ? 1 : 0)),
  pri_enable: tell('device', enablePri),
  pri_disable: tell('device', (vm, device = 0) => vm.machine.disablePri(device - 1)),
  pri_reset: tell('device', (vm, device = 0) => vm.machine.resetPri(device - 1)),
  ppr_overflow: on('iommu', (vm, iommu = 0) => (vm.machine.pprOverflow(iommu - 1) ? 1 : 0)),
  ppr_restart: tell('iommu', (vm, iommu = 0) => vm.machine.pprRestart(iommu - 1)),
  ppr_pending: on('iommu', (vm, iommu = 0) => (vm.machine.pprCount(iommu - 1) > 0 ? 1 : 0)),
  ppr_first: on('iommu', (vm, iommu = 0) => vm.machine.pprFirst(iommu - 1) + 1),
  ppr_device: on('ppr', (vm, ppr = 0) => vm.machine.pprFields(ppr - 1).device + 1),
  ppr_pasid: on('ppr', (vm, ppr = 0) => vm.machine.pprFields(ppr - 1).pasid),
  ppr_address: on('ppr', (vm, ppr = 0) => vm.machine.pprFields(ppr - 1).address),
  ppr_tag: on('ppr', (vm, ppr = 0) => vm.machine.pprFields(ppr - 1).tag),
  ppr_write: on('ppr', (vm, ppr = 0) => (vm.machine.pprFields(ppr - 1).write ? 1 : 0)),
  ppr_last: on('ppr', (vm, ppr = 0) => (vm.machine.pprFields(ppr - 1).last ? 1 : 0)),
  ppr_stop: on('ppr', (vm, ppr = 0) => (vm.machine.pprFields(ppr - 1).stop ? 1 : 0)),
  ppr_consume: tell('iommu', (vm, iommu = 0) => vm.machine.pprConsume(iommu - 1)),
};
