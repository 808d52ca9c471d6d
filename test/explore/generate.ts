/** Small programs drawn by a seed: tasks that share data, locks, functions and interrupts. */

/** Numbers below a bound, from a generator with 32 bits of state. */
type Draw = (below: number) => number;

const declarations = `
var x0: int 0..3
var x1: int 0..3
var l0: spinlock
var l1: spinlock
var g: int 0..3 guarded_by(l0)
var y: int 0..3 [2]
var sem: rwsem
var n: int -9..9
struct box pool 3 { v: int 0..3  next: box }
struct shown pool 4 { v: int 0..3 }
var found: shown
var mask: cpumask
interrupt fn ring() { x1 = 2; }
fn next(v: int 0..3) -> int 0..3 { var t: int 0..3 = (v + 1) % 4; if (t == 3) return 0; return t; }
fn put(v: int 0..3) { var t: int 0..3 = v; x0 = t; t = 0; }
fn boxed(v: int 0..3) -> int 0..3 { var b = new box; b.v = v; var r: int 0..3 = b.v; free(b); return r; }
fn show(v: int 0..3) { var s = new shown; s.v = v; found = s; }
fn locked(v: int 0..3) { spin_lock(l0); g = v; g = (g + 1) % 4; spin_unlock(l0); }
fn ret_from_fork() { x1 = 1; }
daemon scan pass { var a: int 0..3 = x1; locked(a); x0 = 3; }
`;

/** A program: declarations, and the body of a scenario. */
export function generate(seed: number): { declarations: string; body: string } {
  const draw = drawer(seed);
  const taskCount = draw(4) === 0 ? 3 : 2;
  const isForked = draw(4) === 0;
  const tasks = Array.from({ length: taskCount }, (_, id) => {
    const statements = block(draw, taskCount === 3 ? 2 + draw(2) : 3 + draw(3), 0);
    // The last task may be one that the first one starts, in the middle of its own program.
    const starts = isForked && id === 0 ? `start_task(t${taskCount - 1}); ${block(draw, 1, 0)}` : '';
    const how = isForked && id === taskCount - 1 ? 'forked by t0' : 'in P';
    return `  task t${id} ${how} on cpu ${id} { var a: int 0..3; ${statements} ${starts} }`;
  });
  if (draw(6) === 0 && taskCount === 2) tasks.push(`  daemon scan 1 pass`);
  const claims = draw(4) === 0 ? [`  never (x0 == ${1 + draw(3)} && x1 == ${1 + draw(3)})`] : [];
  const unwatched = draw(8) === 0 ? ['  unwatched data-race "drawn"'] : [];
  const body = [
    `  machine { cpus ${taskCount}  frames 1 }`,
    '  process P { }',
    ...tasks,
    ...claims,
    ...unwatched,
  ];
  return { declarations, body: body.join('\n') };
}

function block(draw: Draw, length: number, depth: number): string {
  return Array.from({ length }, () => statement(draw, depth)).join(' ');
}

function statement(draw: Draw, depth: number): string {
  const shared = `x${draw(2)}`;
  const inner = () => block(draw, 1 + draw(2), depth + 1);
  const kinds: (() => string)[] = [
    () => `a = ${shared};`,
    () => `${shared} = a;`,
    () => `a = (a + ${1 + draw(2)}) % 4;`,
    () => 'a = next(a);',
    () => 'put(a);',
    () => 'locked(a);',
    () => `choose a from 0 to ${1 + draw(2)};`,
    () => `${shared} = ${draw(4)};`,
    () => 'send_ipi(this_cpu(), ring);',
    () => (draw(3) === 0 ? `assert(${shared} != ${draw(4)});` : `assert(a != ${3});`),
    () => (draw(3) === 0 ? 'g = a;' : 'spin_lock(l0); a = g; g = (a + 1) % 4; spin_unlock(l0);'),
    () => (draw(3) === 0 ? `wait until (${shared} != ${draw(4)});` : 'skip;'),
    () => (draw(2) === 0 ? locked('l0', 'l1', `${shared} = a;`) : locked('l1', 'l0', `a = ${shared};`)),
    () => (draw(2) === 0 ? 'var got = spin_trylock(l0); if (got) { g = a; spin_unlock(l0); }' : 'skip;'),
    () => (depth < 2 ? `if (a == ${draw(3)}) { ${inner()} } else { ${inner()} }` : 'skip;'),
    () => (depth < 1 ? `while (a < 2) { a = a + 1; ${shared} = a; }` : 'a = 0;'),
    () => (depth < 2 ? `either { ${inner()} } or { skip; }` : 'skip;'),
    () => (depth < 2 ? `if (${shared} == ${draw(3)}) { ${inner()} }` : 'a = 1;'),
    () => (draw(2) === 0 ? `y[${draw(2)}] = a;` : `a = y[${draw(2)}];`),
    () =>
      draw(2) === 0 ? `down_read(sem); a = ${shared}; up_read(sem);` : 'down_write(sem); up_write(sem);',
    () => (draw(2) === 0 ? 'atomic_inc(n);' : 'atomic_dec(n);'),
    () => 'a = boxed(a);',
    () => (draw(2) === 0 ? 'show(a);' : '{ var s = found; if (s != null) { a = s.v; } }'),
    () => `{ cpumask_set_cpu(this_cpu(), mask); for each cpu c in mask { ${shared} = a; } }`,
  ];
  const text = kinds[draw(kinds.length)]?.() ?? 'skip;';
  return text.startsWith('var ') ? `{ ${text} }` : text;
}

function locked(outer: string, inner: string, access: string): string {
  return `spin_lock(${outer}); spin_lock(${inner}); ${access} spin_unlock(${inner}); spin_unlock(${outer});`;
}

function drawer(seed: number): Draw {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}
