import { expect, test } from 'vitest';
import { makeLeaf } from '../../src/machine/entry-format';
import { dma, drainCommands, FAR, held, map, NEXT, PAGE, rig, setLeaf, stepRequest, takeOff } from './rig';

/** A device with ATS and two page requests; PAGE is mapped in PASID 1. */
function mapped(options: Parameters<typeof rig>[0] = {}) {
  const all = rig({ iommus: [[[4, 2, 0]]], ...options });
  const { machine } = all;
  const root = machine.allocTable(4);
  const frame = machine.allocData();
  const table = map(machine, root, PAGE, frame);
  machine.writeWord(frame, 0, 7);
  for (const device of machine.devices) machine.setGcr3(device.index, 1, root);
  all.told.length = 0;
  return { ...all, root, frame, table };
}

/** Answers the oldest page request in the log. */
function respond(machine: ReturnType<typeof mapped>['machine'], status: number): void {
  const request = machine.pprFields(machine.pprFirst(0));
  machine.pprConsume(0);
  machine.queueCompletePpr(request.device, request.pasid, request.tag, status);
  drainCommands(machine);
}

test('a miss in the ATC is a translation request, which fills IOTLB and ATC', () => {
  const { machine, frame } = mapped();
  expect([machine.atsChoices(0), machine.dmaStep(0, 1, PAGE, false, 0)]).toEqual([0, 'more']);
  expect([machine.dmaReady(0), machine.dmaStep(0, 1, PAGE, false, 0)]).toEqual([false, 'blocked']);
  expect(machine.atsChoices(0)).toBe(1);
  const outcomes = Array.from({ length: 5 }, () => machine.atsStep(0, 0));
  expect(outcomes).toEqual(['more', 'more', 'more', 'more', 'done']);
  expect(machine.atsChoices(0)).toBe(0);
  expect(held(machine).filter(line => !line.startsWith('walk'))).toEqual([
    `iotlb0 dev0/1 7f0000001000 -> ${frame} U`,
    `atc0 dev0/1 7f0000001000 -> ${frame} U`,
  ]);
  expect([machine.dmaStep(0, 1, PAGE, false, 0), machine.dmaStep(0, 1, PAGE, false, 0)]).toEqual([
    'more',
    'done',
  ]);
  expect(machine.value).toBe(7);
});

test('a hit in the ATC asks nobody, and a write after a read asks again', () => {
  const { machine, told } = mapped();
  dma(machine, 0, 0, 1, PAGE, false);
  told.length = 0;
  expect([machine.dmaStep(0, 1, PAGE, false, 0), machine.dmaStep(0, 1, PAGE, false, 0)]).toEqual([
    'more',
    'done',
  ]);
  expect(told.filter(line => line.startsWith('walked'))).toEqual([]);
  expect(dma(machine, 0, 0, 1, PAGE, true, 3)).toBe('done');
  expect(told.filter(line => line.startsWith('walked')).length).toBe(1);
});

test('dropping the IOTLB alone leaves the ATC, dropping the ATC alone refills it from the IOTLB', () => {
  const { machine, table, frame, told } = mapped();
  dma(machine, 0, 0, 1, PAGE, false);
  setLeaf(machine, table, PAGE, 0);
  machine.queueInvalidatePages(0, 0, 1, 0, true, true);
  drainCommands(machine);
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('done');
  setLeaf(machine, table, PAGE, makeLeaf(frame, { write: true }));
  machine.evict('atc', 0, 0);
  dma(machine, 0, 0, 1, PAGE, false);
  setLeaf(machine, table, PAGE, 0);
  told.length = 0;
  machine.queueInvalidateIotlb(0, 1, 0, true);
  drainCommands(machine);
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('done');
  expect(told.filter(line => line.startsWith('walked'))).toEqual([]);
});

test('an ATS invalidation drops copies at once and is completed by the ATS agent', () => {
  const { machine, events } = mapped();
  dma(machine, 0, 0, 1, PAGE, false);
  machine.queueInvalidateIotlb(0, 1, PAGE, false);
  machine.queueCompletionWait(0, 2);
  expect(drainCommands(machine)).toBe(1);
  expect(machine.copies().some(copy => copy.cache === 'atc')).toBe(false);
  expect([machine.completionDone(2), machine.quiet(), machine.atsChoices(0)]).toEqual([false, false, 1]);
  expect(machine.atsStep(0, 0)).toBe('done');
  expect([drainCommands(machine), machine.completionDone(2), machine.quiet()]).toEqual([1, true, true]);
  expect(machine.atsStep(0, 0)).toBe('blocked');
  const texts = events.flatMap(event =>
    event.type === 'command' && event.phase === 'carried-out' ? [event.text] : [],
  );
  expect(texts).toEqual([
    'INVALIDATE_IOTLB_PAGES device 0 pasid 1 0x7f0000001000',
    'ATS invalidation completed by dev0.0',
    'COMPLETION_WAIT thread 2',
  ]);
});

test('the completion waits for translated DMA of the range, and for no other', () => {
  const { machine, root, frame } = mapped({ programs: [0, 0] });
  map(machine, root, NEXT, frame);
  takeOff(machine, 0, 0, 1, PAGE, true);
  takeOff(machine, 1, 0, 1, NEXT, true);
  machine.queueInvalidatePages(0, 0, 1, 0, true, true);
  machine.queueInvalidateIotlb(0, 1, PAGE, false);
  drainCommands(machine);
  expect(machine.inFlight().map(flight => flight.mustFinish)).toEqual([true, false]);
  expect(machine.atsChoices(0)).toBe(0);
  machine.dmaStep(0, 1, PAGE, true, 1);
  expect(machine.atsChoices(0)).toBe(1);
  machine.atsStep(0, 0);
  expect(machine.inFlight().length).toBe(1);
});

test('translated DMA in flight does not hold back the completion of an IOMMU invalidation', () => {
  const { machine } = mapped();
  takeOff(machine, 0, 0, 1, PAGE, true);
  machine.queueInvalidatePages(0, 0, 1, 0, true, true);
  machine.queueCompletionWait(0, 0);
  expect(drainCommands(machine)).toBe(2);
});

test('an answer that an invalidation overtook is discarded, and the request made again', () => {
  const { machine, table, events } = mapped();
  machine.dmaStep(0, 1, PAGE, false, 0);
  while (machine.requests(0)[0]?.stage === 'request') stepRequest(machine, 0, 0);
  const fresh = machine.allocData();
  machine.writeWord(fresh, 0, 8);
  setLeaf(machine, table, PAGE, makeLeaf(fresh, { write: true }));
  machine.queueInvalidatePages(0, 0, 1, PAGE, false, true);
  machine.queueInvalidateIotlb(0, 1, PAGE, false);
  drainCommands(machine);
  expect(machine.requests(0)).toMatchObject([{ stage: 'answer', discard: true }]);
  stepRequest(machine, 0, 0);
  expect(machine.requests(0)).toMatchObject([{ stage: 'request', discard: false }]);
  expect(events.at(-1)).toMatchObject({ type: 'drop', cache: 'atc', why: 'discard' });
  expect([dma(machine, 0, 0, 1, PAGE, false), machine.value]).toEqual(['done', 8]);
});

test('an invalidation elsewhere, or of another PASID, leaves the answer alone', () => {
  const { machine } = mapped();
  machine.dmaStep(0, 1, PAGE, false, 0);
  while (machine.requests(0)[0]?.stage === 'request') stepRequest(machine, 0, 0);
  machine.queueInvalidateIotlb(0, 1, NEXT, false);
  machine.queueInvalidateIotlb(0, 2, PAGE, false);
  drainCommands(machine);
  expect(machine.requests(0)).toMatchObject([{ stage: 'answer', discard: false }]);
});

test('the answer for a huge page is discarded by an invalidation of any of its pieces', () => {
  const { machine, root } = mapped({ frames: 1100 });
  for (let frame = 0; frame < 1050; frame++) machine.allocData();
  map(machine, root, 0x40000000, 512, { write: true }, 2);
  machine.dmaStep(0, 1, 0x40003000, false, 0);
  while (machine.requests(0)[0]?.stage === 'request') stepRequest(machine, 0, 0);
  machine.queueInvalidateIotlb(0, 1, 0x40100000, false);
  drainCommands(machine);
  expect(machine.requests(0)).toMatchObject([{ discard: true }]);
  expect(dma(machine, 0, 0, 1, 0x40003000, false)).toBe('done');
  expect(held(machine)).toContain('atc0 dev0/1 40000000 2048K -> 512 U');
});

test('a page request is logged, answered SUCCESS, and the address asked for again', () => {
  const { machine, told, root, events } = mapped();
  expect(dma(machine, 0, 0, 1, FAR + 8, true, 5)).toBe('blocked');
  expect(machine.requests(0)).toMatchObject([{ stage: 'page-request', tag: 0 }]);
  expect([machine.pprCount(0), machine.pprChoices(0), machine.pprStep(0), machine.pprStep(0)]).toEqual([
    0,
    1,
    'done',
    'blocked',
  ]);
  expect(machine.pprLog(0)).toEqual([
    { device: 0, pasid: 1, address: FAR - (FAR % 4096), tag: 0, write: true, last: true, stop: false },
  ]);
  const frame = machine.allocData();
  map(machine, root, FAR, frame);
  respond(machine, 0);
  expect(told.at(-1)).toBe('response 0 1 0 outstanding');
  expect(dma(machine, 0, 0, 1, FAR + 8, true, 5)).toBe('done');
  expect([machine.readWord(frame, 1), machine.quiet()]).toEqual([5, true]);
  expect(events.flatMap(event => (event.type === 'page-response' ? [event.text] : []))).toEqual(['SUCCESS']);
});

test('INVALID ends the DMA; FAILURE ends page requests of the device', () => {
  const { machine, told } = mapped({ programs: [0, 0] });
  dma(machine, 0, 0, 1, FAR, true);
  machine.pprStep(0);
  respond(machine, 1);
  expect(dma(machine, 0, 0, 1, FAR, true)).toBe('aborted');
  dma(machine, 0, 0, 1, FAR, true);
  dma(machine, 1, 0, 1, FAR, true);
  machine.pprStep(0);
  machine.pprStep(0);
  respond(machine, 15);
  expect([machine.dmaStep(0, 1, FAR, true, 0), machine.dmaStep(1, 1, FAR, true, 0)]).toEqual([
    'aborted',
    'aborted',
  ]);
  respond(machine, 0);
  expect(told.at(-1)).toBe('response 0 1 1 unexpected');
  expect([machine.hasPri(0), dma(machine, 0, 0, 1, FAR, true)]).toEqual([false, 'aborted']);
  expect(dma(machine, 0, 0, 1, PAGE, true)).toBe('done');
});

test('tags are the lowest free, and a program without one waits', () => {
  const { machine } = mapped({ programs: [0, 0, 0], pprLog: 2 });
  for (const program of [0, 1]) dma(machine, program, 0, 1, FAR, true);
  expect(dma(machine, 2, 0, 1, FAR, true)).toBe('blocked');
  expect(machine.requests(0).map(request => [request.stage, request.tag])).toEqual([
    ['page-request', 0],
    ['page-request', 1],
    ['untranslated', -1],
  ]);
  expect(machine.dmaReady(2)).toBe(false);
  machine.pprStep(0);
  respond(machine, 1);
  expect(machine.dmaReady(2)).toBe(true);
  machine.dmaStep(2, 1, FAR, true, 0);
  expect(machine.requests(0).map(request => request.tag)).toEqual([-1, 1, 0]);
});

test('the log takes requests in any order, and loses what finds it full until it is started again', () => {
  const { machine, told } = mapped({
    iommus: [
      [
        [4, 2, 0],
        [4, 2, 0],
      ],
    ],
    programs: [1, 0, 1],
    pprLog: 2,
  });
  dma(machine, 0, 1, 1, FAR, true);
  dma(machine, 2, 1, 1, FAR, true);
  dma(machine, 1, 0, 1, FAR, true);
  expect([machine.pprChoices(0), machine.pprStep(0, 1), machine.pprStep(0)]).toEqual([3, 'done', 'done']);
  expect(machine.pprLog(0).map(request => [request.device, request.tag])).toEqual([
    [1, 0],
    [0, 0],
  ]);
  expect([machine.pprOverflow(0), machine.pprStep(0), machine.pprOverflow(0)]).toEqual([false, 'done', true]);
  for (const _ of [0, 1]) respond(machine, 1);
  for (const _ of [0, 1]) dma(machine, 0, 1, 1, FAR, true);
  expect([machine.pprStep(0), machine.pprCount(0)]).toEqual(['done', 0]);
  machine.pprRestart(0);
  for (const _ of [0, 1]) dma(machine, 1, 0, 1, FAR, true);
  expect([machine.pprStep(0), machine.pprCount(0), machine.pprOverflow(0)]).toEqual(['done', 1, false]);
  expect(told.filter(line => line.startsWith('response')).every(line => line.endsWith('outstanding'))).toBe(
    true,
  );
});

test('a response to a request that is not in the log, or answered already, is unexpected', () => {
  const { machine, told } = mapped();
  dma(machine, 0, 0, 1, FAR, true);
  machine.queueCompletePpr(0, 1, 0, 0);
  drainCommands(machine);
  machine.pprStep(0);
  machine.queueCompletePpr(0, 2, 0, 0);
  respond(machine, 0);
  machine.queueCompletePpr(0, 1, 0, 0);
  drainCommands(machine);
  const responses = told.filter(line => line.startsWith('response'));
  expect(responses.map(line => line.split(' ').at(-1))).toEqual([
    'unexpected',
    'unexpected',
    'outstanding',
    'unexpected',
  ]);
});

test('a device fails when re-faults on one address pass its limit', () => {
  const { machine, told } = mapped({ iommus: [[[4, 2, 2]]], programs: [0, 0] });
  for (let round = 0; round < 3; round++) {
    expect(dma(machine, 0, 0, 1, FAR, true)).toBe('blocked');
    expect(machine.requests(0)[0]?.refaults).toBe(round);
    machine.pprStep(0);
    respond(machine, 0);
  }
  expect(dma(machine, 0, 0, 1, FAR, true)).toBe('aborted');
  expect(told.filter(line => line.startsWith('failed'))).toEqual(['failed 0']);
  expect([machine.hasFailed(0), machine.dmaStep(1, 1, PAGE, false, 0)]).toEqual([true, 'aborted']);
});

test('a limit of zero never fails, and the count starts anew with each DMA', () => {
  const { machine } = mapped();
  for (let round = 0; round < 5; round++) {
    expect(dma(machine, 0, 0, 1, FAR, true)).toBe('blocked');
    machine.pprStep(0);
    respond(machine, 0);
  }
  expect(machine.hasFailed(0)).toBe(false);
});

test('without PRI a device with ATS aborts what is untranslatable', () => {
  const { machine, events } = mapped({ iommus: [[[4, 0, 0]]] });
  expect(dma(machine, 0, 0, 1, FAR, true)).toBe('aborted');
  expect(events.at(-1)).toMatchObject({ type: 'io-page-fault', address: FAR });
  expect(machine.eventLog(0).length).toBe(1);
});

test('two requests of a device are two choices, and advance apart', () => {
  const { machine } = mapped({ programs: [0, 0] });
  machine.dmaStep(0, 1, PAGE, false, 0);
  machine.dmaStep(1, 1, FAR, false, 0);
  expect(machine.atsChoices(0)).toBe(2);
  for (let step = 0; step < 3; step++) machine.atsStep(0, 1);
  expect(machine.requests(0).map(request => request.stage)).toEqual(['request', 'answer']);
  expect(machine.atsStep(0, 1)).toBe('done');
  expect(machine.requests(0).map(request => request.stage)).toEqual(['request', 'untranslated']);
});
