import { expect, test } from 'vitest';
import { dma, drainCommands, FAR, map, NEXT, PAGE, rig } from './rig';

/** A device with ATS and four page requests in three programs; nothing is mapped in PASID 1. */
function asking(options: Parameters<typeof rig>[0] = {}) {
  const all = rig({ iommus: [[[4, 4, 0]]], programs: [0, 0, 0], ...options });
  const { machine } = all;
  const root = machine.allocTable(4);
  for (const device of machine.devices) machine.setGcr3(device.index, 1, root);
  all.told.length = 0;
  const respond = (tag: number, status: number) => {
    machine.queueCompletePpr(0, 1, tag, status);
    drainCommands(machine);
  };
  const write = (count: number) => {
    for (let request = 0; request < count; request++) machine.pprStep(0);
  };
  const responses = () =>
    all.told.filter(line => line.startsWith('response')).map(line => line.split(' ').at(-1));
  return { ...all, root, respond, write, responses };
}

test('a group has one index and one response, and the last of its requests is flagged', () => {
  const { machine, respond, write, responses } = asking();
  expect(machine.askStep(0, 1, PAGE, 3, true)).toBe('more');
  expect(machine.askStep(0, 1, PAGE, 3, true)).toBe('blocked');
  write(3);
  expect(machine.pprLog(0).map(({ address, tag, last, write: w }) => [address, tag, last, w])).toEqual([
    [PAGE, 0, false, true],
    [NEXT, 0, false, true],
    [NEXT + 0x1000, 0, true, true],
  ]);
  expect(machine.requests(0)).toMatchObject([{ stage: 'logged-page-request', tag: 0, pages: 3, arrived: 3 }]);
  respond(0, 1);
  expect([machine.askStep(0, 1, PAGE, 3, true), machine.value]).toEqual(['done', 1]);
  respond(0, 0);
  expect(responses()).toEqual(['outstanding', 'unexpected']);
  expect(machine.pri(0)).toMatchObject({ unexpectedResponse: true, outstanding: 0 });
});

test('the allocation counts requests, not groups', () => {
  const { machine, respond, write } = asking();
  machine.askStep(0, 1, PAGE, 3, false);
  expect(machine.askStep(1, 1, FAR, 2, false)).toBe('blocked');
  expect(machine.askStep(2, 1, FAR, 1, false)).toBe('more');
  expect(machine.requests(0).map(({ tag }) => tag)).toEqual([0, 1]);
  expect(machine.pri(0)).toMatchObject({ outstanding: 4, allocation: 4 });
  write(4);
  respond(0, 0);
  expect(machine.askStep(1, 1, FAR, 2, false)).toBe('more');
});

test('a response before the whole group is there counts when the rest has come', () => {
  const { machine, respond, write, responses } = asking();
  machine.askStep(0, 1, PAGE, 2, false);
  respond(0, 1);
  expect(responses()).toEqual(['unexpected']);
  write(1);
  respond(0, 1);
  expect(machine.askStep(0, 1, PAGE, 2, false)).toBe('blocked');
  write(1);
  expect([machine.askStep(0, 1, PAGE, 2, false), machine.value]).toEqual(['done', 1]);
  respond(0, 1);
  expect(responses()).toEqual(['unexpected', 'outstanding', 'unexpected']);
});

test('FAILURE ends every request of the device, and what comes after it is ignored', () => {
  const { machine, respond, write } = asking();
  machine.askStep(0, 1, PAGE, 2, false);
  dma(machine, 1, 0, 1, FAR, true);
  write(3);
  respond(0, 15);
  expect([machine.askStep(0, 1, PAGE, 2, false), machine.value]).toEqual(['done', 15]);
  expect(dma(machine, 1, 0, 1, FAR, true)).toBe('aborted');
  respond(1, 0);
  expect(machine.pri(0)).toMatchObject({ enabled: true, responseFailure: true, unexpectedResponse: false });
  expect([machine.hasPri(0), dma(machine, 2, 0, 1, FAR, true)]).toEqual([false, 'aborted']);
  expect([machine.askStep(0, 1, PAGE, 1, false), machine.value]).toEqual(['done', 15]);
});

test('page requests stop with the last answer, or at a reset, and start with a new allocation', () => {
  const { machine, respond, write } = asking();
  machine.askStep(0, 1, PAGE, 1, false);
  machine.askStep(1, 1, FAR, 1, false);
  write(2);
  machine.resetPri(0);
  machine.disablePri(0);
  expect(machine.pri(0)).toMatchObject({ enabled: false, stopped: false, outstanding: 2 });
  respond(0, 0);
  expect([machine.pri(0).stopped, machine.askStep(0, 1, PAGE, 1, false), machine.value]).toEqual([
    false,
    'done',
    0,
  ]);
  machine.resetPri(0);
  expect(machine.pri(0)).toMatchObject({ stopped: true, outstanding: 0 });
  expect([machine.askStep(1, 1, FAR, 1, false), machine.value]).toEqual(['done', 15]);
  respond(1, 0);
  expect(machine.pri(0).unexpectedResponse).toBe(true);
  machine.enablePri(0, 2);
  expect(machine.pri(0)).toMatchObject({ enabled: true, allocation: 2, unexpectedResponse: false });
  expect([machine.askStep(0, 1, PAGE, 3, false), machine.askStep(0, 1, PAGE, 2, false)]).toEqual([
    'blocked',
    'more',
  ]);
});

test('what is lost for a full log is answered by the IOMMU once the last of its group is lost', () => {
  const { machine, write, responses, events } = asking({ pprLog: 1, autoResponse: 0 });
  machine.askStep(0, 1, PAGE, 3, false);
  write(2);
  expect([machine.pprOverflow(0), machine.pprCount(0), responses()]).toEqual([true, 1, []]);
  write(1);
  expect(responses()).toEqual(['outstanding']);
  expect([machine.askStep(0, 1, PAGE, 3, false), machine.value]).toEqual(['done', 0]);
  expect(events.filter(({ type }) => type === 'page-request-lost').length).toBe(2);
  expect(events.find(({ type }) => type === 'page-response')).toMatchObject({ text: 'SUCCESS by the IOMMU' });
});

test('a stop marker comes behind the requests of its PASID, and waits for no answer', () => {
  const { machine, write } = asking();
  machine.stopStep(0, 1);
  machine.askStep(1, 1, FAR, 1, false);
  machine.askStep(2, 2, FAR, 1, false);
  expect([machine.pprChoices(0), machine.pri(0).outstanding]).toEqual([2, 2]);
  write(3);
  expect(machine.pprLog(0).map(({ stop, pasid }) => [stop, pasid])).toEqual([
    [false, 1],
    [true, 1],
    [false, 2],
  ]);
  expect(machine.stopStep(0, 1)).toBe('done');
});

test('a thread gives up as often as it may, and the commands stay', () => {
  const { machine } = asking({ completionTimeouts: 1, commandQueue: 3 });
  machine.queueInvalidatePages(0, 0, 1, 0, true, true);
  machine.queueCompletionWait(0, 2);
  expect([machine.commandRoom(0), machine.timeoutChoices(0)]).toEqual([1, 1]);
  expect([machine.timeoutStep(0, 0), machine.completionDone(2), machine.completionTimedOut(2)]).toEqual([
    'done',
    true,
    true,
  ]);
  expect(machine.commandQueue(0).map(({ text }) => text)).toEqual([
    'INVALIDATE_IOMMU_PAGES domain 1 pasid 1 all PDE',
    'COMPLETION_WAIT, given up',
  ]);
  machine.queueCompletionWait(0, 2);
  expect([machine.completionTimedOut(2), machine.timeoutChoices(0), machine.timeoutStep(0, 0)]).toEqual([
    false,
    0,
    'blocked',
  ]);
  expect([drainCommands(machine), machine.completionDone(2)]).toEqual([3, true]);
});

test.each([
  ['pde', false, true],
  ['pde', true, false],
  ['always', false, false],
  ['never', true, true],
] as const)('pointers, %s, PDE bit %s: kept %s', (pointerFlush, pde, kept) => {
  const { machine, root } = asking({ pointerFlush, iommus: [[[0, 0, 0]]], programs: [0] });
  map(machine, root, PAGE, machine.allocData());
  dma(machine, 0, 0, 1, PAGE, false);
  machine.queueInvalidatePages(0, 0, 1, PAGE, false, pde);
  drainCommands(machine);
  expect(machine.copies().some(({ cache }) => cache === 'walk-cache')).toBe(kept);
  expect(machine.copies().some(({ cache }) => cache === 'iotlb')).toBe(false);
});

test('an IOTLB that keeps what was absent answers by it until it is invalidated', () => {
  const { machine, root, told } = asking({ cachesAbsent: true, iommus: [[[0, 0, 0]]], programs: [0] });
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('aborted');
  const [entry] = machine.copies();
  expect(entry).toMatchObject({ cache: 'iotlb', absent: true, level: 4, frame: 0 });
  map(machine, root, PAGE, machine.allocData());
  told.length = 0;
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('aborted');
  expect(told.filter(line => line.startsWith('walked'))).toEqual([]);
  expect(machine.leavesAt(PAGE)).toEqual([]);
  machine.queueInvalidatePages(0, 0, 1, PAGE, false, false);
  drainCommands(machine);
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('done');
});

test('what is absent is no frame: freeing frame 0 marks nothing', () => {
  const { machine } = asking({ cachesAbsent: true, iommus: [[[0, 0, 0]]], programs: [0] });
  dma(machine, 0, 0, 1, PAGE, false);
  machine.freeFrame(0);
  expect(
    machine
      .copies()
      .filter(({ absent }) => absent)
      .map(({ marked }) => marked),
  ).toEqual([false]);
});
