import { expect, test } from 'vitest';
import { compileExpression } from '../../src/language/compile';
import { formatType } from '../../src/language/types';
import { programOf, showExpr } from './small';

const program = programOf(`
  enum shade { DARK, LIGHT }
  driver quick {
    struct state pool 2 { mm: mm  left: int 0..3 }
    var count: int 0..7
    notifier quick { invalidate_range(mn, mm, start, end) { var state = new state; count = 1; } }
    fn bind(mm: mm, device: device, pasid: int 0..31) { skip; }
  }
  fn f(mm: mm, a: addr) { var x: int 0..7 = 1; for each vma v in mm.vmas { skip; } if (answer(x)) skip; }
  scenario s {
    kernel small
    machine { cpus 2  iommu amd { device gpu { } } }
    process P { mmap A, 4 pages, rw  bind gpu, pasid 1, driver quick }
    task t0 in P on cpu 0 { f(P, A) }
  }`);

/** An expression in a function as text and type, or its problems. */
function evaluate(text: string, key: string | null = 'f'): string {
  const result = compileExpression(text, program, key);
  if ('problems' in result)
    return result.problems.map(({ code, message }) => `${code} ${message}`).join('; ');
  const fn = key === null ? undefined : program.functions[key];
  const names = new Map([...(fn?.params ?? []), ...(fn?.locals ?? [])].map(({ slot, name }) => [slot, name]));
  return `${showExpr(result.expr, names)}: ${formatType(result.type)}`;
}

test('expressions see locals, globals, constants and the scenario', () => {
  expect(evaluate('x + 1')).toBe('(x + 1): int');
  expect(evaluate('mm.count == 3 && shared > LIMIT')).toBe('((mm.count == 3) and (shared > 4)): bool');
  expect(evaluate('A + 1 page')).toBe(`${0x7f0000001000}: addr`);
  expect(evaluate('P.pgd')).toBe('process.P.pgd: table');
  expect(evaluate('v.vm_start < a')).toBe('(v.vm_start <a a): bool');
  expect(evaluate('list_first(mm.vmas)')).toBe('list_first(mm.vmas): vma');
  expect(evaluate('LIGHT')).toBe('1: shade');
  expect(evaluate('gpu')).toBe('1: device');
  expect(evaluate('cpu1')).toBe('2: cpu');
  expect(evaluate('PAGE_SIZE * 2', null)).toBe('8192: int');
  expect(evaluate('seen')).toBe('seen: int 0..7');
});

test('expressions in a driver see its names; from outside they are qualified', () => {
  const key = 'quick.quick.invalidate_range';
  expect(evaluate('count', key)).toBe('quick.count: int 0..7');
  expect(evaluate('state.left', key)).toBe('state.left: int 0..3');
  expect(evaluate('mn.ops.invalidate_range', key)).toBe('mn.ops has invalidate_range: bool');
  expect(evaluate('quick.count')).toBe('quick.count: int 0..7');
  expect(evaluate('count')).toBe("MMU010 unknown name 'count'");
});

test('mistakes are problems', () => {
  expect(evaluate('')).toBe('MMU002 unexpected the end of the file, expected an expression');
  expect(evaluate('x +')).toContain('MMU002');
  expect(evaluate('x y')).toContain('MMU002');
  expect(evaluate('mm.cont')).toBe("MMU013 'mm' has no field 'cont', did you mean 'count'?");
  expect(evaluate('answer(x)')).toContain('unknown function');
  expect(evaluate('free(mm)')).toContain('MMU061');
  expect(evaluate('mm.lock')).toContain('MMU035');
  expect(evaluate('constructor')).toContain('MMU010');
});
