/** The story of the project in the real editor: a callback that comes too early, and one that repairs it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Editor, openEditor, screenshot, timeouts } from './editor';
import {
  breakOnCallback,
  focusThread,
  goToStep,
  openFile,
  poll,
  pressToast,
  pressToolbar,
  readException,
  readPane,
  readRows,
  readStep,
  readThreads,
  readToasts,
  type Stop,
  showPanes,
  startDebugging,
  stopDebugging,
  waitForStop,
} from './harness';

let editor: Editor;

beforeAll(async () => {
  editor = await openEditor();
});

afterEach(async context => {
  if (context.task.result?.state === 'fail') await screenshot(editor, `failed-${context.task.id}`);
  await stopDebugging(editor);
});

afterAll(async () => {
  await editor?.close();
});

/** Saves what a user would look at: the stack, and each of our panes with something in it. */
async function picture(name: string): Promise<void> {
  await showPanes(editor, 'Call Stack', ...panes);
  for (const title of panes) await readRows(editor, title);
  await screenshot(editor, name);
}

const panes = ['Page Tables', 'TLBs', 'Notifier Callbacks'];

const scenario = 'invalidate-range-repairs-munmap.mmu';

/** Whether the stack is whole: the editor fetches its first frame before the others. */
const isWhole = ({ files }: Stop) => files.at(-1) === scenario;

/** Whether the stop is in the driver's callback, called by the function of the notifier core. */
const isCalledBy = (name: string) => (stop: Stop) =>
  stop.frames[0]?.endsWith('.invalidate_range') === true && stop.frames[1] === name && isWhole(stop);

test('F5 plays one schedule; where it does not show what is expected, the search is offered', async () => {
  await openFile(editor, 'start-is-too-early.mmu');
  await editor.page.keyboard.press('F5');
  await poll(
    () => readToasts(editor),
    toasts => toasts.some(toast => /use-after-free did not show on this schedule/.test(toast)),
    'the offer',
  );
  await screenshot(editor, '0-offer');
  await pressToast(editor, 'Debug Counterexample');
  await poll(
    () => readException(editor),
    shown => shown.includes('use-after-free'),
    'the violation',
    timeouts.explore,
  );
});

test('flushing in invalidate_range_start is too early: one click leads to a use after free', async () => {
  await openFile(editor, 'start-is-too-early.mmu');
  await editor.page.locator('.codelens-decoration a', { hasText: 'Debug Counterexample' }).click();
  const text = await poll(
    () => readException(editor),
    shown => shown !== '',
    'an exception',
    timeouts.explore,
  );
  expect(text).toContain('use-after-free');
  await picture('1-use-after-free');
  await showPanes(editor, 'Call Stack', 'TLBs');
  await poll(
    () => readRows(editor, 'TLBs'),
    rows => rows.some(row => /^ATC.*1 stale/.test(row)),
    'a stale entry in the ATC',
  );
  await screenshot(editor, '1-stale-entries');

  await showPanes(editor, 'Call Stack');
  const isViolated = (thread: string) => /use-after-free/i.test(thread);
  await poll(
    () => readThreads(editor),
    threads => threads.some(isViolated),
    'the thread that is stopped by it',
  );
  await focusThread(editor, 't0');
  await pressToolbar(editor, 'Step Back');
  // Before the violation no thread is marked by it.
  await poll(
    () => readThreads(editor),
    threads => threads.length > 0 && !threads.some(isViolated),
    'no thread stopped by it',
  );
  const before = await readStep(editor);
  expect(before.position).toBeLessThan(before.length);
  await goToStep(editor, 3);
  await poll(
    () => readStep(editor),
    ({ position, length }) => position === 3 && length === before.length,
    'step 3 of the same path',
  );
});

test('a breakpoint on invalidate_range stops in the driver, and stepping goes both ways', async () => {
  await openFile(editor, scenario);
  await breakOnCallback(editor, 'invalidate_range');
  await startDebugging(editor);
  const first = await waitForStop(editor, isCalledBy('__mmu_notifier_invalidate_range_end'));
  expect(first.frames).toContain('unmap_vmas');
  const hasTables = (rows: string[]) => rows.some(row => row.includes('PGD'));
  await readPane(editor, 'Page Tables', hasTables);
  await picture('2-when-the-bracket-ends');

  await pressToolbar(editor, 'Continue');
  const stop = await waitForStop(editor, isCalledBy('__mmu_notifier_invalidate_range'));
  expect(stop.frames).toContain('tlb_finish_mmu');
  expect(stop.frames.at(-1)).toBe('t0');
  // By now munmap has taken the tables out too, but has freed nothing.
  await readPane(editor, 'Page Tables', rows => !hasTables(rows));
  await readPane(editor, 'TLBs', rows => rows.some(row => row.includes('IOTLB')));
  await readPane(editor, 'Notifier Callbacks', rows =>
    rows.some(row => row.includes('amd_iommu_v2.invalidate_range')),
  );
  await picture('3-before-the-pages-are-freed');

  await pressToolbar(editor, 'Step Over');
  await waitForStop(editor, now => isWhole(now) && now.line !== stop.line);
  await picture('4-stepped');
  await pressToolbar(editor, 'Step Back');
  const place = ({ frames, line }: Stop) => JSON.stringify({ frames, line });
  await waitForStop(editor, now => place(now) === place(stop));
  await picture('5-stepped-back');
});
