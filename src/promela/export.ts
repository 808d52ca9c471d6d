/**
 * A scenario with its models as a Promela model that Spin accepts, for searches beyond one machine:
 * multi-core and swarm runs of Spin.
 *
 * Every instruction is one indivisible step, as in the vm; locals, locks, page tables, caches, queues
 * and properties are Promela variables. Caches fill on demand only, as in `explore --caches demand`,
 * and never drop what they need not, so a run of Spin without error is no proof about caches that
 * speculate.
 */
import { formatAddress } from '../base/address';
import type { Program } from '../language/program';
import { type Thread, threadsOf } from '../language/threads';
import { devicesOf } from '../machine/config';
import { Vm } from '../vm/vm';
import { codeOf, numberOf, type Reached, Software, workOf } from './code';
import { clearField } from './effects';
import { machineBody, machineHead, type Sizes, sizesOf } from './machine';
import { monitorText } from './monitors';
import { type Space, spaceOf } from './space';
import { declarationsOf, initialAssignments } from './state';
import { identifier, NotExportable } from './values';

/** What is a finding of ours, and of which the model says nothing. */
export const unjudged: readonly string[] = [
  'data-race',
  'lost-write',
  'lost-dirty',
  'cow-isolation',
  'lock-order',
  'refcount',
  'never, always and sometimes of the scenario',
  'stack overflow',
];

/**
 * The model. Of what a search has reached only, if that is known: the rest is reported when Spin comes to it.
 * Throws `NotExportable` for what it has no counterpart of, `SetupError` as the vm does. */
export function exportPromela(program: Program, reached: Reached | null): string {
  refuseWhatIsMissing(program);
  const vm = new Vm(program);
  const space = spaceOf(program, vm);
  const sizes = sizesOf(program, space);
  const threads = threadsOf(program);
  const numbers = Object.keys(program.functions).map(
    key => `#define FN_${identifier(key)} ${numberOf(program, key)}`,
  );
  const software = groupsOf(program);
  const text = [
    `#define THREADS ${threads.length}`,
    ...numbers,
    'int grace[THREADS];',
    declarationsOf(program, vm),
    machineHead(program, vm, space),
    monitorText(program, space, sizes, threads.length),
    services(program, sizes),
    machineBody(program, space),
    ...software.map(({ name, roots, entries, queue }) =>
      new Software(codeOf(program, roots, reached), name).text(entries, queue),
    ),
    agents(program, sizes),
    'init {\n  atomic {\n    d_step {',
    ...initialAssignments(program, vm, space).map(line => `      ${line}`),
    '      skip\n    };',
    ...threads.flatMap(thread => startOf(program, threads, thread)).map(line => `    ${line}`),
    ...agentRuns(program).map(line => `    ${line}`),
    '    skip\n  }\n}',
    '',
  ].join('\n');
  return header(program, space) + withMacros(withTemporaries(withExpressions(text)));
}

function refuseWhatIsMissing({ scenario, daemons }: Program): void {
  for (const iommu of scenario.machine.iommus) {
    const requests = iommu.devices.reduce((sum, device) => sum + device.requests, 0);
    if (requests > iommu.pprLog) throw new NotExportable('a page-request log that may overflow');
    if (iommu.completionTimeouts > 0) throw new NotExportable('completion waits that are given up');
    if (iommu.pointerFlush !== 'pde') throw new NotExportable(`pde-${iommu.pointerFlush}`);
    if (iommu.cachesAbsent) throw new NotExportable('negative-caching');
  }
  if (scenario.tasks.some(({ parent }) => parent !== null)) throw new NotExportable('a task that is forked');
  if (daemons.some(({ passes }) => passes !== null && passes > 0))
    throw new NotExportable('a daemon that makes passes');
}

/** Software threads that share a process type: what they begin with, and what they may run. */
interface Group {
  readonly name: string;
  readonly roots: readonly string[];
  readonly entries: readonly string[];
  /** Work queue whose items they run. */
  readonly queue: number | null;
}

function groupsOf(program: Program): Group[] {
  const { scenario, daemons, workqueues } = program;
  const tasks = [...new Set(scenario.tasks.map(task => task.fn))];
  const handlers = Object.values(program.functions).flatMap(({ key, role }) =>
    role === 'interrupt' ? [key] : [],
  );
  const single = (name: string, key: string): Group => ({ name, roots: [key], entries: [key], queue: null });
  return [
    { name: 'tasks', roots: tasks, entries: tasks, queue: null },
    { name: 'interrupts', roots: handlers, entries: [], queue: null },
    ...workqueues.map((_, queue) => ({
      name: `worker_${queue}`,
      roots: workOf(program),
      entries: [],
      queue,
    })),
    ...daemons.flatMap((daemon, index) =>
      daemon.passes === null ? [single(`daemon_${index}`, daemon.fn)] : [],
    ),
    ...scenario.devices.map((device, index) => single(`device_${index}`, device.fn)),
  ];
}

/** The `run` of a software thread. What runs on no CPU is never held up by an interrupt. */
function startOf(program: Program, threads: readonly Thread[], { id, kind, index, cpu }: Thread): string[] {
  const { scenario, daemons } = program;
  const none = scenario.machine.cpus;
  const run = (name: string, me: number, on: number, gate: number, key: string | undefined) => [
    `run ${name}(${me}, ${on}, ${gate}, ${key === undefined ? 0 : numberOf(program, key)});`,
  ];
  switch (kind) {
    case 'task':
      return run('tasks', id, cpu ?? 0, cpu ?? none, scenario.tasks[index]?.fn);
    case 'device':
      return run(`device_${index}`, id, 0, none, scenario.devices[index]?.fn);
    case 'daemon':
      return daemons[index]?.passes === null ? run(`daemon_${index}`, id, 0, none, daemons[index]?.fn) : [];
    case 'kworker':
      return run(`worker_${index}`, id, 0, none, undefined);
    case 'cpu': {
      // A handler runs as the task of its CPU.
      const target = threads.find(each => each.kind === 'task' && each.cpu === index)?.id ?? id;
      return run('interrupts', target, index, none, undefined);
    }
    default:
      return [];
  }
}

/** Temporaries have short names above; `pan.c` has variables of its own by these names. */
function withTemporaries(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\b(?:[abijkstuvxyz]|wo|wl)\b/g, found =>
    found.startsWith('/*') ? found : `tmp_${found}`,
  );
}

/** Spin takes the end of a line for the end of a statement where it can: an expression is on one line. */
function withExpressions(text: string): string {
  return text.replace(/(?: \\)?\n\s*(&&|\|\||:(?!:))/g, ' $1');
}

/**
 * Turns inlines into macros: Spin's own replacement of parameters also finds them within longer names,
 * and fails for arguments that are conditional expressions.
 */
function withMacros(text: string): string {
  return text.replace(
    /^inline (\w+)\(([^)]*)\) \{(?:(.*)\}$|([\s\S]*?)^\})/gm,
    (_whole: string, name: string, list: string, line: string | undefined, lines: string | undefined) => {
      const body = (line ?? lines ?? '').trim().split('\n');
      return `#define ${name}(${list}) ${body.join(' \\\n')}`;
    },
  );
}

function header(program: Program, space: Space): string {
  const { name } = program.scenario;
  const pages = space.pages.map(formatAddress).join(' ');
  return `/*
 * Scenario ${name} on ${program.kernel}, exported by shootdown.
 *   spin -a FILE && gcc -O2 -DSAFETY -DCOLLAPSE -DVECTORSZ=65536 -o pan pan.c && ./pan -m1000000
 * Pages: ${pages}
 * Caches fill on demand and drop nothing but what they must. Not judged:
 * ${unjudged.join(', ')}.
 */
`;
}

/** What the code of several parts calls. */
function services(program: Program, n: Sizes): string {
  const page = program.structs.page;
  const freed = (page?.fields ?? []).flatMap(field =>
    clearField(`page_${identifier(field.name)}`, field.type),
  );
  const queues = program.workqueues.map((queue, index) => {
    return {
      arm: `:: (q) == ${index + 1} -> rv = (wq_n_${index} < ${queue.capacity} -> 1 : 0); if :: rv ->
        wq_fn_${index}[wq_n_${index}] = fn; wq_arg_${index}[wq_n_${index}] = arg;
          wq_n_${index} = wq_n_${index} + 1 :: else fi`,
      done: `((q) == ${index + 1} && wq_n_${index} == 0 && !wq_busy_${index})`,
      declare: `bool wq_busy_${index};`,
    };
  });
  const log = Math.max(1, n.programs);
  const shift = ['device', 'pasid', 'tag', 'write', 'l', 'h'].map(field => `log_${field}[(m) * ${log} + i]`);
  return `
${queues.map(({ declare }) => declare).join('\n')}
inline QUEUE_WORK(q, fn, arg) {
  if ${queues.map(({ arm }) => arm).join(' ')} :: else -> rv = 0 fi
}
#define WORK_DONE(q) (${queues.map(({ done }) => done).join(' || ') || 'true'})
inline PAGE_FREED(f) {
  ${page === undefined ? 'skip' : `j = f; ${freed.join('; ')}`}
}
inline PPR_CONSUME(m) {
  ${
    n.iommus === 0
      ? 'skip'
      : `if
  :: log_n[m] > 0 ->
     i = 0;
     do
     :: i < log_n[m] - 1 ->
       ${shift.map(each => `${each} = ${each.replace('+ i]', '+ i + 1]')}`).join('; ')}; i++
     :: else -> ${shift.map(each => `${each} = 0`).join('; ')}; break
     od;
     log_n[m] = log_n[m] - 1
  :: else
  fi`
  }
}
/* The next populated entry from st[c] on and below (l, h); wo is 1 for one found, else 2. */
inline EACH_ENTRY(table, l, h, e, ad, c) {
  if
  :: (table) == 0 -> V(assertion); wo = 2
  :: else ->
     j = (table) - 1; u = (LEVEL(j) == 0 -> 1 : LEVEL(j));
     s = (l) - 1; b = (h);
     if :: s < 0 -> s = s + 1073741824; b = b - 1 :: else fi;
     wo = 2;
     if
     :: st[c + 1] > b || (st[c + 1] == b && st[c] > s) -> skip
     :: else ->
        t = SLOT(u, st[c], st[c + 1]);
        if
        :: u == 1 -> v = (b - st[c + 1] > 1 -> 512 : (b - st[c + 1]) * 262144 + (s >> 12) - (st[c] >> 12))
        :: u == 2 -> v = (b - st[c + 1] > 1 -> 512 : (b - st[c + 1]) * 512 + (s >> 21) - (st[c] >> 21))
        :: u == 3 -> v = b - st[c + 1]
        :: else -> v = (b >> 9) - (st[c + 1] >> 9)
        fi;
        v = (t + v + 1 > 512 || v >= 512 -> 512 : t + v + 1);
        i = 0;
        do
        :: i < ${n.slots} ->
           if
           :: TS(i) >= t && TS(i) < v && READ(j, i) != 0 -> wo = 1; break
           :: else
           fi;
           i++
        :: else -> break
        od;
        if
        :: wo == 1 ->
           k = TS(i);
           st[e] = 1 + (j << 9) + k;
           if
           :: k == t -> st[ad] = st[c]; st[ad + 1] = st[c + 1]
           :: k != t && u == 1 -> st[ad] = (st[c] & ~4095) + ((k - t) << 12); st[ad + 1] = st[c + 1]
           :: k != t && u == 2 -> st[ad] = (st[c] & ~2097151) + ((k - t) << 21); st[ad + 1] = st[c + 1]
           :: k != t && u == 3 -> st[ad] = 0; st[ad + 1] = st[c + 1] + k - t
           :: else -> st[ad] = 0; st[ad + 1] = (st[c + 1] & ~511) + ((k - t) << 9)
           fi;
           if
           :: k == 511 -> st[c] = (s + 1) & 1073741823; st[c + 1] = b + ((s + 1) >> 30)
           :: k != 511 && u <= 2 ->
              x = (u == 1 -> 4096 : 2097152);
              y = (st[ad] & ~(x - 1)) + x;
              st[c] = y & 1073741823; st[c + 1] = st[ad + 1] + (y >> 30)
           :: k != 511 && u == 3 -> st[c] = 0; st[c + 1] = st[ad + 1] + 1
           :: else -> st[c] = 0; st[c + 1] = (st[ad + 1] & ~511) + 512
           fi
        :: else
        fi
     fi
  fi
}
`;
}

/** The agents of IOMMUs and devices, each a process that waits for work for ever. */
function agents(program: Program, n: Sizes): string {
  const list = devicesOf(program.scenario.machine);
  const runsOf = (device: number) =>
    program.scenario.devices.flatMap((run, index) => (run.device === list[device]?.name ? [index] : []));
  const lines: string[] = [];
  for (const iommu of program.scenario.machine.iommus.keys()) {
    lines.push(
      `proctype commands_${iommu}() {\nend: do\n  :: d_step { COMMAND_READY_${iommu} ->
        COMMAND_STEP_${iommu}() }\n  od\n}`,
    );
    const mine = list.flatMap((device, index) =>
      program.scenario.machine.iommus[iommu]?.devices.includes(device) ? runsOf(index) : [],
    );
    const waits = (run: number) => `(stage[${run}] == 5 && !logged[${run}])`;
    const arms = mine.map((run, at) => {
      const before = mine.slice(0, at).map(each => `!${waits(each)}`);
      return `  :: d_step { ${[waits(run), ...before].join(' && ')} -> LOG_${run}() }`;
    });
    lines.push(`proctype ppr_${iommu}() {\nend: do\n${arms.join('\n')}\n  :: (false)\n  od\n}`);
  }
  for (const [device, config] of list.entries()) {
    if (config.atc === 0) continue;
    const runs = runsOf(device);
    const arms = runs.map(run => `  :: d_step { stage[${run}] == 3 -> TRANSLATE_${run}() }`);
    const complete = [`invalidating[${device}]`, ...runs.map(run => `!must_finish[${run}]`)].join(' && ');
    lines.push(
      `proctype ats_${device}() {\nend: do\n${arms.join('\n')}\n  :: d_step { ${complete} ->
        invalidating[${device}] = 0 }\n  od\n}`,
    );
  }
  if (n.programs > 0 && list.some(device => device.requests > 0)) {
    const waiting = program.scenario.devices.map((_, run) => `stage[${run}] == 5`).join(' || ');
    lines.push(
      `proctype at_rest() {\nend: if\n  :: timeout -> d_step { if :: ${waiting} -> V(page_response)
        :: else fi }\n  fi;\nend_quiet: (false)\n}`,
    );
  }
  return lines.join('\n');
}

function agentRuns(program: Program): string[] {
  const list = devicesOf(program.scenario.machine);
  const runs = program.scenario.machine.iommus.flatMap((_, iommu) => [
    `run commands_${iommu}();`,
    `run ppr_${iommu}();`,
  ]);
  for (const [device, config] of list.entries()) if (config.atc > 0) runs.push(`run ats_${device}();`);
  if (program.scenario.devices.length > 0 && list.some(device => device.requests > 0))
    runs.push('run at_rest();');
  return runs;
}
