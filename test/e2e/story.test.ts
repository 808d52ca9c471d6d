/** The story of the project in the real editor: a callback that comes too early, and one that repairs it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Editor, openEditor, screenshot } from './editor';
import {
  addFunctionBreakpoint,
  openFile,
  pressToolbar,
  readException,
  readPane,
  removeAllBreakpoints,
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
});

afterAll(async () => {
  await editor?.close();
});

test('a breakpoint on invalidate_range stops in the driver, and stepping goes both ways', async () => {
  await openFile(editor, 'invalidate-range-repairs-munmap.mmu');
  await addFunctionBreakpoint(editor, 'invalidate_range');
  await startDebugging(editor);
  const stop = await waitForStop(editor, ({ frames }) => frames[0]?.includes('invalidate_range') === true);
  await screenshot(editor, '1-in-invalidate-range');
  expect(stop.frames.length).toBeGreaterThan(2);
  const core = stop.frames.findIndex(frame => frame.includes('__mmu_notifier_invalidate_range'));
  expect(core).toBeGreaterThan(0);

  for (const title of ['Page Tables', 'TLBs', 'Notifier Callbacks']) {
    expect(await readPane(editor, title)).not.toEqual([]);
  }
  await screenshot(editor, '2-panes');

  await pressToolbar(editor, 'Step Over');
  const next = await waitForStop(editor, ({ frames, line }) => frames.length > 0 && line !== stop.line);
  await screenshot(editor, '3-stepped');
  expect(next.frames).not.toEqual([]);
  await pressToolbar(editor, 'Step Back');
  await waitForStop(editor, now => JSON.stringify(now) === JSON.stringify(stop));
  await screenshot(editor, '4-stepped-back');
  await stopDebugging(editor);
});

test('flushing in invalidate_range_start is too early: the run ends in a use after free', async () => {
  await removeAllBreakpoints(editor);
  await openFile(editor, 'start-is-too-early.mmu');
  await startDebugging(editor);
  await waitForStop(editor, ({ frames }) => frames.length > 0);
  expect(await readException(editor)).toContain('use-after-free');
  await screenshot(editor, '5-use-after-free');
  await stopDebugging(editor);
});
