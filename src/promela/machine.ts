/**
 * The hardware in Promela: frames, CPUs, IOMMUs, devices, as in `src/machine`, with two differences.
 * Every cache has room for whatever the scenario can name, so nothing is dropped for lack of room; and
 * page requests and commands wait in queues as long as the scenario can fill, not as long as real
 * ones.
 *
 * A copy in a cache is one number: valid 1, W 2, D 4, dangling 8, U 16, and from bit 5 the frame; 0
 * for none. A root register is `(frame + 1) << 1`, with the mark in bit 0.
 */
import type { Program } from '../language/program';
import { type DeviceConfig, devicesOf } from '../machine/config';
import { POISON, PTE } from '../machine/entry-format';
import type { Vm } from '../vm/vm';
import { COMMANDS_MAX, lookUp, type Space } from './space';
import { pairOf } from './values';

/** Sizes that the generated text is written with. */
export interface Sizes {
  readonly frames: number;
  readonly slots: number;
  readonly pages: number;
  readonly cpus: number;
  readonly devices: number;
  readonly programs: number;
  readonly iommus: number;
  readonly tags: number;
}

/** The sizes of a program. */
export function sizesOf(program: Program, space: Space): Sizes {
  const { machine, devices } = program.scenario;
  const count = devicesOf(machine).length;
  return {
    frames: machine.frames,
    slots: space.slots.length,
    pages: space.pages.length,
    cpus: machine.cpus,
    devices: count,
    programs: devices.length,
    iommus: machine.iommus.length,
    tags: Math.max(1, count * space.pasids),
  };
}

const least = (count: number) => Math.max(1, count);

/** Macros and declarations of the hardware. */
export function machineHead(program: Program, vm: Vm, space: Space): string {
  return `${macros(program, vm, space)}\n${declarations(program, space)}`;
}

/** What the hardware does, as inlines. */
export function machineBody(program: Program, space: Space): string {
  return [
    memory(program, space),
    walks(),
    cpus(program, space),
    iommus(program, space),
    devices(program, space),
  ].join('\n');
}

function macros(program: Program, vm: Vm, space: Space): string {
  const { pages, slots, prefixes } = space;
  const indices = pages.map((_, index) => index);
  const list = devicesOf(program.scenario.machine);
  const slotOf = (page: number, level: number) =>
    slots.indexOf(Math.floor(page / (4096 * 512 ** (level - 1))) % 512);
  const levels = [1, 2, 3, 4].map(level =>
    lookUp(
      'p',
      indices.map(index => [index, slotOf(pages[index] ?? 0, level)] as const),
      '0',
    ),
  );
  const pageOf = indices.reduceRight((rest, index) => {
    const { low, high } = pairOf(pages[index] ?? 0);
    return `(((h) == ${high} && ((l) >> 12) == ${Number(low) >> 12}) -> ${index} : ${rest})`;
  }, String(pages.length));
  const prefix = (at: number) =>
    lookUp(
      'p',
      indices.map(index => [index, prefixes[at]?.of[index] ?? 0] as const),
      '0',
    );
  const devices = list.map((_, index) => index);
  return [
    '#define BELOW(ah, al, bh, bl) ' +
      '((((ah) >= 0) == ((bh) >= 0)) -> ((ah) < (bh) || ((ah) == (bh) && (al) < (bl))) : (ah) >= 0)',
    `#define CS(s) ${lookUp(
      's',
      slots.map((slot, index) => [slot, index] as const),
      '99999',
    )}`,
    `#define TS(c) ${lookUp(
      'c',
      slots.map((slot, index) => [index, slot] as const),
      '0',
    )}`,
    `#define PCS(p, level) ((level) == 1 -> ${levels[0]} : ((level) == 2 -> ${levels[1]} \\
      : ((level) == 3 -> ${levels[2]} : ${levels[3]})))`,
    `#define PAGE(l, h) ${pageOf}`,
    `#define P2(p) ${prefix(0)}`,
    `#define P3(p) ${prefix(1)}`,
    `#define P4(p) ${prefix(2)}`,
    `#define SLOT(level, l, h) ((level) <= 1 -> ((l) >> 12) & 511 : ((level) == 2 -> ((l) >> 21) & 511 \\
      : ((level) == 3 -> (h) & 511 : ((h) >> 9) & 511)))`,
    '#define LEVEL(f) (kind[f] > 1 -> kind[f] - 1 : 0)',
    '#define ENTRY_AT(t, l, h) (1 + (((t) - 1) << 9) + SLOT(LEVEL((t) - 1), l, h))',
    `#define READ(f, c) ((f) >= 0 && (f) < ${program.scenario.machine.frames} -> (kind[f] == 0 -> \\
      mem[(f) * ${slots.length} + c] ^ ${POISON} : mem[(f) * ${slots.length} + c]) : ${POISON})`,
    `#define HAS_ATS(d) ${lookUp(
      'd',
      list.map((device, index) => [index + 1, device.atc > 0 ? 1 : 0] as const),
      '0',
    )}`,
    `#define IOMMU_OF(d) ${lookUp(
      'd',
      devices.map(index => [index + 1, vm.machine.iommuOf(index) + 1] as const),
      '0',
    )}`,
    `#define PPR(i) (((i) - 1) * ${least(program.scenario.devices.length)})`,
    `#define TAG(d, pasid) (((d) - 1) * ${space.pasids} + ((pasid) < ${space.pasids} -> (pasid) : 99999))`,
    '',
  ].join('\n');
}

function declarations(program: Program, space: Space): string {
  const n = sizesOf(program, space);
  const [two = 1, three = 1, four = 1] = space.prefixes.map(({ count }) => count);
  const lines = [
    `int mem[${n.frames * n.slots}];`,
    `byte kind[${n.frames}];`,
    `short cr3[${n.cpus}];`,
    `short tlb[${n.cpus * n.pages}]; short psc2[${n.cpus * two}]; short psc3[${n.cpus * three}];
      short psc4[${n.cpus * four}];`,
    `bool walking[${n.cpus}]; byte walk_level[${n.cpus}]; byte walk_table[${n.cpus}];
      byte walk_got[${n.cpus}];`,
    `byte pending[${n.cpus}]; bool in_irq[${n.cpus + 1}];`,
  ];
  if (n.iommus > 0) {
    const [tags, programs] = [n.tags, least(n.programs)];
    lines.push(
      `short gcr3[${tags}]; short iotlb[${tags * n.pages}]; short atc[${tags * n.pages}];`,
      `short wc2[${tags * two}]; short wc3[${tags * three}]; short wc4[${tags * four}];`,
      `bool pri_off[${n.devices}]; bool failed[${n.devices}]; bool invalidating[${n.devices}];`,
      `byte stage[${programs}]; byte dma_level[${programs}]; byte dma_table[${programs}];
        byte dma_got[${programs}];`,
      `byte dma_page[${programs}]; byte dma_word[${programs}]; bool dma_write[${programs}];`,
      `bool discard[${programs}]; bool must_finish[${programs}]; bool answer[${programs}];
        bool translated[${programs}];`,
      `bool logged[${programs}]; bool answered[${programs}]; byte dma_tag[${programs}];
        short refaults[${programs}];`,
      `byte cq_n[${n.iommus}]; int cq_what[${n.iommus * COMMANDS_MAX}];
        byte cq_page[${n.iommus * COMMANDS_MAX}];`,
      `byte log_n[${n.iommus}]; byte log_device[${n.iommus * programs}];
        byte log_pasid[${n.iommus * programs}];`,
      `byte log_tag[${n.iommus * programs}]; bool log_write[${n.iommus * programs}];`,
      `int log_l[${n.iommus * programs}]; int log_h[${n.iommus * programs}];`,
    );
  }
  lines.push(['i', 'j', 'k', 't', 'u', 'v', 'wo', 'wl'].map(name => `hidden int ${name};`).join(' '), '');
  return lines.join('\n');
}

/** Clears, by frame, what caches and registers say of it. */
function marks(program: Program, space: Space): string[] {
  const n = sizesOf(program, space);
  const [two = 1, three = 1, four = 1] = space.prefixes.map(({ count }) => count);
  const each = (array: string, count: number) =>
    `i = 0; do :: i < ${count} -> if :: (${array}[i] & 1) && (${array}[i] >> 5) == f ->
      ${array}[i] = ${array}[i] | 8 :: else fi; i++ :: else -> break od;`;
  const root = (array: string, count: number) =>
    `i = 0; do :: i < ${count} -> if :: (${array}[i] >> 1) == f + 1 -> ${array}[i] = ${array}[i] | 1
      :: else fi; i++ :: else -> break od;`;
  const lines = [
    root('cr3', n.cpus),
    each('tlb', n.cpus * n.pages),
    each('psc2', n.cpus * two),
    each('psc3', n.cpus * three),
    each('psc4', n.cpus * four),
    `i = 0; do :: i < ${n.cpus} -> if :: walk_level[i] && walk_table[i] == f ->
      walk_got[i] = walk_got[i] | 8 :: else fi; i++ :: else -> break od;`,
  ];
  if (n.iommus === 0) return lines;
  lines.push(
    root('gcr3', n.tags),
    each('iotlb', n.tags * n.pages),
    each('atc', n.tags * n.pages),
    each('wc2', n.tags * two),
    each('wc3', n.tags * three),
    each('wc4', n.tags * four),
  );
  if (n.programs > 0)
    lines.push(
      `i = 0; do :: i < ${n.programs} -> if :: dma_level[i] && dma_table[i] == f ->
        dma_got[i] = dma_got[i] | 8 :: else fi; i++ :: else -> break od;`,
    );
  return lines;
}

function memory(program: Program, space: Space): string {
  const { frames, slots } = sizesOf(program, space);
  return `
/* Stores an entry: the change of a dangling value dangles, a pointer to a free frame dangles. */
inline STORE(e, value) {
  j = ((e) - 1) >> 9; k = CS(((e) - 1) & 511); v = value; u = READ(j, k);
  if
  :: (v & ${PTE.P}) && ((v & ${PTE.DANGLING}) || ((v >> 12) < ${frames}
    && kind[((v >> 12) < ${frames} -> v >> 12 : 0)] == 0)) -> v = v | ${PTE.DANGLING}
  :: else -> v = v & ${~PTE.DANGLING}
  fi;
  ENTRY_STORING(j, ((e) - 1) & 511, u, v);
  WRITE(j, k, v)
}
inline WRITE(f, c, value) {
  if
  :: (f) >= 0 && (f) < ${frames} -> mem[(f) * ${slots} + c] = (kind[f] == 0 -> (value) ^ ${POISON} : value)
  :: else
  fi
}
/* The lowest free frame, cleared; -1 if there is none. */
inline ALLOC(what, out) {
  out = 0;
  do
  :: out >= ${frames} -> out = -1; break
  :: out < ${frames} && kind[(out < ${frames} -> out : 0)] == 0 -> break
  :: else -> out++
  od;
  if
  :: out >= 0 -> kind[out] = what; i = 0;
     do :: i < ${slots} -> mem[out * ${slots} + i] = 0; i++ :: else -> break od
  :: else
  fi
}
/* A frame goes back to the allocator: what refers to it dangles from now on. */
inline FREE(f) {
  if
  :: kind[f] == 0 -> V(assertion)
  :: else ->
     FRAME_FREEING(f);
     i = 0; do :: i < ${slots} -> mem[(f) * ${slots} + i] = 0; i++ :: else -> break od;
     kind[f] = 0;
     i = 0;
     do
     :: i < ${frames * slots} ->
        if
        :: kind[i / ${slots}] > 1 && (mem[i] & ${PTE.P}) && (mem[i] >> 12) == f ->
          mem[i] = mem[i] | ${PTE.DANGLING}
        :: else
        fi;
        i++
     :: else -> break
     od;
     ${marks(program, space).join('\n     ')}
     PAGE_FREED(f)
  fi
}
`;
}

/**
 * One step of a walk. Outcome in `wo`: 0 more, 1 leaf (the copy in `wl`), 2 absent, 3 denied.
 */
function walks(): string {
  return `
inline WALK(LV, TB, GOT, ROOT, K2, K3, K4, LEAF, p, wr, io, gone) {
  wo = 0;
  if
  :: LV == 0 ->
     if
     :: (K2 & 1) -> LV = 1; TB = K2 >> 5; GOT = K2 & 26
     :: !(K2 & 1) && (K3 & 1) -> LV = 2; TB = K3 >> 5; GOT = K3 & 26
     :: !(K2 & 1) && !(K3 & 1) && (K4 & 1) -> LV = 3; TB = K4 >> 5; GOT = K4 & 26
     :: !(K2 & 1) && !(K3 & 1) && !(K4 & 1) && ROOT != 0 -> LV = 4; TB = (ROOT >> 1) - 1;
       GOT = 18 | ((ROOT & 1) << 3)
     :: else -> wo = 2
     fi
  :: else
  fi;
  if
  :: wo == 0 ->
     if :: (GOT & 8) -> V(table_use_after_free) :: else fi;
     if :: kind[TB] < 2 -> V(bad_walk) :: else fi;
     if :: gone -> V(walk_after_release) :: else fi;
     k = PCS(p, LV); t = READ(TB, k);
     if
     :: !(t & ${PTE.P}) -> wo = 2
     :: else ->
        u = (GOT & 26);
        if :: !(t & ${PTE.W}) -> u = u & 24 :: else fi;
        if :: !(t & ${PTE.U}) -> u = u & 10 :: else fi;
        if :: (t & ${PTE.DANGLING}) -> u = u | 8 :: else fi;
        if
        :: LV == 1 || ((t & ${PTE.PS}) && LV <= 3) ->
           assert(LV == 1);
           if
           :: !(u & 16) || (wr && !(u & 2)) -> wo = 3
           :: else ->
              wo = 1;
              v = t | ${PTE.A} | (wr -> ${PTE.D} : 0);
              if :: v != t -> WRITE(TB, k, v) :: else fi;
              if :: io && !(wr) -> u = u & 24 :: else fi;
              wl = 1 | u | ((v & ${PTE.D}) -> 4 : 0) | ((t >> 12) << 5);
              LEAF = wl; LV = 0; TB = 0; GOT = 0
           fi
        :: else ->
           if :: !(t & ${PTE.A}) -> WRITE(TB, k, t | ${PTE.A}) :: else fi;
           v = 1 | u | ((t >> 12) << 5);
           if :: LV == 4 -> K4 = v :: LV == 3 -> K3 = v :: else -> K2 = v fi;
           LV = LV - 1; TB = t >> 12; GOT = u
        fi
     fi
  :: else
  fi
}
`;
}

function cpus(program: Program, space: Space): string {
  const n = sizesOf(program, space);
  const [two = 1, three = 1, four = 1] = space.prefixes.map(({ count }) => count);
  const clear = (array: string, count: number) =>
    `i = 0; do :: i < ${count} -> ${array}[(c) * ${count} + i] = 0; i++ :: else -> break od;`;
  const pointers = [clear('psc2', two), clear('psc3', three), clear('psc4', four)].join('\n  ');
  return `
inline ABANDON(c) { walking[c] = 0; walk_level[c] = 0; walk_table[c] = 0; walk_got[c] = 0 }
inline FLUSH_TLB(c) {
  walk_level[c] = 0; walk_table[c] = 0; walk_got[c] = 0;
  ${clear('tlb', n.pages)}
  ${pointers}
}
inline LOAD_CR3(c, root) {
  cr3[c] = ((root) == 0 -> 0 : ((root) << 1) | (kind[((root) == 0 -> 0 : (root) - 1)] == 0 -> 1 : 0));
  FLUSH_TLB(c); walking[c] = 0
}
inline INVLPG(c, l, h) {
  walk_level[c] = 0; walk_table[c] = 0; walk_got[c] = 0;
  if :: PAGE(l, h) < ${n.pages} -> tlb[(c) * ${n.pages} + PAGE(l, h)] = 0 :: else fi;
  ${pointers}
}
/* One step of a user access. Outcome in wo: 0 more, 1 done (what was read in wl), 2 fault. */
inline CPU_ACCESS(c, l, h, wr, value) {
  j = PAGE(l, h);
  assert(j < ${n.pages});
  if :: !walking[c] -> CPU_ISSUED(l, h, wr) :: else fi;
  t = tlb[(c) * ${n.pages} + j];
  if
  :: (!walking[c] || walk_level[c] == 0) && (t & 1) && (t & 16) && (!(wr) || (t & 6) == 6) ->
     ABANDON(c);
     k = CS(((l) & 4095) >> 3);
     if :: wr -> WRITE(t >> 5, k, value) :: else -> wl = READ(t >> 5, k) fi;
     ACCESSED;
     if :: (t & 8) -> V(use_after_free) :: else fi;
     wo = 1
  :: else ->
     walking[c] = 1;
     WALK(walk_level[c], walk_table[c], walk_got[c], cr3[c],
       psc2[(c) * ${two} + P2(j)],
         psc3[(c) * ${three} + P3(j)], psc4[(c) * ${four} + P4(j)], tlb[(c) * ${n.pages} + j], j, wr, 0, 0);
     if
     :: wo == 1 -> wo = 0
     :: wo >= 2 ->
        wo = 2; ABANDON(c);
        tlb[(c) * ${n.pages} + j] = 0;
        psc2[(c) * ${two} + P2(j)] = 0; psc3[(c) * ${three} + P3(j)] = 0; psc4[(c) * ${four} + P4(j)] = 0
     :: else
     fi
  fi
}
`;
}

/** Which devices and programs there are, by number. */
interface Wiring {
  readonly devices: readonly DeviceConfig[];
  readonly hasAts: (device: number) => boolean;
  readonly programsOf: (device: number) => number[];
  readonly deviceOf: (run: number) => number;
  readonly tagOf: (run: number) => number;
  readonly behind: (iommu: number) => number[];
}

function wiringOf(program: Program, space: Space): Wiring {
  const { scenario } = program;
  const devices = devicesOf(scenario.machine);
  const deviceOf = (run: number) => devices.findIndex(({ name }) => name === scenario.devices[run]?.device);
  return {
    devices,
    deviceOf,
    hasAts: device => (devices[device]?.atc ?? 0) > 0,
    programsOf: device => [...scenario.devices.keys()].filter(run => deviceOf(run) === device),
    tagOf: run => deviceOf(run) * space.pasids + (scenario.devices[run]?.pasid ?? 0),
    behind: iommu =>
      [...devices.entries()].flatMap(([index, device]) =>
        scenario.machine.iommus[iommu]?.devices.includes(device) ? [index] : [],
      ),
  };
}

/** The command processor of one IOMMU: whether the command at its head can be carried out, and doing so. */
function commandText(iommu: number, { behind, hasAts, programsOf }: Wiring): string {
  const due = behind(iommu).flatMap(device => [
    `!invalidating[${device}]`,
    ...(hasAts(device) ? [] : programsOf(device).map(run => `!must_finish[${run}]`)),
  ]);
  const first = iommu * COMMANDS_MAX;
  const at = (array: string, offset: string) => `${array}[${first} + ${offset}]`;
  return `
#define COMMAND_READY_${iommu} (cq_n[${iommu}] > 0 && ((cq_what[${first}] & 7) != 3 \\
  || (${due.join(' && ') || '1'})))
inline COMMAND_STEP_${iommu}() {
  t = cq_what[${first}]; u = cq_page[${first}]; v = (t >> 9) & 2047;
  i = 0;
  do
  :: i < cq_n[${iommu}] - 1 ->
     ${at('cq_what', 'i')} = ${at('cq_what', 'i + 1')}; ${at('cq_page', 'i')} = ${at('cq_page', 'i + 1')}; i++
  :: else -> ${at('cq_what', 'i')} = 0; ${at('cq_page', 'i')} = 0; break
  od;
  cq_n[${iommu}] = cq_n[${iommu}] - 1;
  CARRY_OUT()
}
`;
}

/** What INVALIDATE_IOMMU_PAGES does to the DMA of a program. */
function iommuInvalidated(run: number, { hasAts, deviceOf, tagOf }: Wiring): string {
  const must = hasAts(deviceOf(run))
    ? ''
    : `if :: stage[${run}] == 2 -> must_finish[${run}] = 1 :: else fi;\n     `;
  return `${must}if
     :: dma_level[${run}] && !answer[${run}] && stage[${run}] != 2 && (t & 16) && v == ${tagOf(run)} ->
        if
        :: (t & 8) || SHARES(dma_page[${run}], u, dma_level[${run}] + 1) ->
           dma_level[${run}] = 0; dma_table[${run}] = 0; dma_got[${run}] = 0
        :: else
        fi
     :: else
     fi;`;
}

/** What INVALIDATE_IOTLB_PAGES does to the DMA of a program. */
function atcInvalidated(run: number, { tagOf }: Wiring): string {
  return `if
        :: v == ${tagOf(run)} && ((t & 8) || dma_page[${run}] == u) ->
           if :: stage[${run}] == 2 -> must_finish[${run}] = 1 :: else fi;
           if :: stage[${run}] == 3 -> discard[${run}] = 1 :: else fi
        :: else
        fi;`;
}

/** COMPLETE_PPR for the program that waits for it; `k` tells whether one did. */
function respond(run: number, { tagOf }: Wiring): string {
  return `if
     :: !k && stage[${run}] == 5 && logged[${run}] && dma_tag[${run}] == (t >> 20) && v == ${tagOf(run)} ->
        k = 1; TAKE_RESPONSE(${run}, ((t >> 5) & 15) == 0)
     :: else
     fi;`;
}

/** After FAILURE a device makes no page requests any more, and those outstanding are void. */
function failure(device: number, { programsOf }: Wiring, space: Space): string {
  const voids = programsOf(device).map(
    run => `if :: stage[${run}] == 5 -> TAKE_RESPONSE(${run}, 0) :: else fi;`,
  );
  return `if
     :: v / ${space.pasids} == ${device} && k && ((t >> 5) & 15) == 15 ->
        pri_off[${device}] = 1;
        ${voids.join(' ')}
        skip
     :: else
     fi;`;
}

/**
 * What a command is: type 1 to 4, then all, pde, status from bit 5, tag of the space from 9, last from
 * 20.
 */
function iommus(program: Program, space: Space): string {
  const n = sizesOf(program, space);
  if (n.iommus === 0) return '';
  const [two = 1, three = 1, four = 1] = space.prefixes.map(({ count }) => count);
  const wiring = wiringOf(program, space);
  const runs = [...program.scenario.devices.keys()];
  const clearTag = (array: string, count: number) =>
    `i = 0; do :: i < ${count} -> ${array}[v * ${count} + i] = 0; i++ :: else -> break od`;
  const above = '((level) == 2 -> P2(a) == P2(b) : ((level) == 3 -> P3(a) == P3(b) : P4(a) == P4(b)))';
  return `
#define SHARES(a, b, level) ((level) <= 1 -> (a) == (b) : ((b) < ${n.pages} && ${above}))
inline QUEUE(iommu, what, page) {
  assert(cq_n[iommu] < ${COMMANDS_MAX});
  cq_what[(iommu) * ${COMMANDS_MAX} + cq_n[iommu]] = what;
    cq_page[(iommu) * ${COMMANDS_MAX} + cq_n[iommu]] = page;
  cq_n[iommu] = cq_n[iommu] + 1
}
inline TAKE_RESPONSE(d, ok) {
  dma_tag[d] = 0; logged[d] = 0;
  if :: ok -> stage[d] = 1; answered[d] = 1 :: else -> stage[d] = 6 fi
}
/* Carries out the command t for the page u of the space v. */
inline CARRY_OUT() {
  if
  :: (t & 7) == 1 ->
     if
     :: (t & 8) -> ${clearTag('iotlb', n.pages)}
     :: !(t & 8) && u < ${n.pages} -> iotlb[v * ${n.pages} + u] = 0
     :: else
     fi;
     if
     :: (t & 24) == 24 -> ${clearTag('wc2', two)}; ${clearTag('wc3', three)}; ${clearTag('wc4', four)}
     :: (t & 24) == 16 && u < ${n.pages} -> wc2[v * ${two} + P2(u)] = 0; wc3[v * ${three} + P3(u)] = 0;
       wc4[v * ${four} + P4(u)] = 0
     :: else
     fi;
     ${runs.map(run => iommuInvalidated(run, wiring)).join('\n     ')}
     skip
  :: (t & 7) == 2 ->
     if
     :: HAS_ATS(v / ${space.pasids} + 1) ->
        if
        :: (t & 8) -> ${clearTag('atc', n.pages)}
        :: !(t & 8) && u < ${n.pages} -> atc[v * ${n.pages} + u] = 0
        :: else
        fi;
        ${runs.map(run => atcInvalidated(run, wiring)).join('\n        ')}
        invalidating[v / ${space.pasids}] = 1
     :: else
     fi
  :: (t & 7) == 3 -> waiting[t >> 20] = waiting[t >> 20] - 1
  :: (t & 7) == 4 ->
     k = 0;
     ${runs.map(run => respond(run, wiring)).join('\n     ')}
     if :: !k -> V(page_response) :: else fi;
     ${[...wiring.devices.keys()].map(device => failure(device, wiring, space)).join('\n     ')}
     skip
  fi
}
${[...program.scenario.machine.iommus.keys()].map(iommu => commandText(iommu, wiring)).join('')}`;
}

function devices(program: Program, space: Space): string {
  const n = sizesOf(program, space);
  if (n.programs === 0) return '';
  return program.scenario.devices.map((_, run) => deviceProgram(program, space, run)).join('\n');
}

function deviceProgram(program: Program, space: Space, run: number): string {
  const n = sizesOf(program, space);
  const [two = 1, three = 1, four = 1] = space.prefixes.map(({ count }) => count);
  const list = devicesOf(program.scenario.machine);
  const { device: name, pasid } = program.scenario.devices[run] ?? { device: '', pasid: 0 };
  const device = list.findIndex(each => each.name === name);
  const config = list[device];
  const tag = device * space.pasids + pasid;
  const iommu = program.scenario.machine.iommus.findIndex(
    each => config !== undefined && each.devices.includes(config),
  );
  const hasAts = (config?.atc ?? 0) > 0;
  const at = (array: string) => `${array}[${tag * n.pages} + dma_page[${run}]]`;
  const walk = `WALK(dma_level[${run}], dma_table[${run}], dma_got[${run}], gcr3[${tag}],
    wc2[${tag * two} + P2(dma_page[${run}])],
      wc3[${tag * three} + P3(dma_page[${run}])], wc4[${tag * four} + P4(dma_page[${run}])],
    ${at('iotlb')}, dma_page[${run}], dma_write[${run}], 1, (bound[${tag}] && released[${tag}]))`;
  const siblings = program.scenario.devices.flatMap((each, index) => (each.device === name ? [index] : []));
  const busy = siblings.map(each => `(stage[${each}] == 5 && dma_tag[${each}] == k)`).join(' || ');
  const tags = Array.from({ length: Math.max(1, Math.min(config?.requests ?? 0, 8)) }, (_, each) => each);
  const free = tags.map(each => `!(${busy.replaceAll('== k', `== ${each}`)})`).join(' || ');
  const takeOff = `stage[${run}] = 2; dma_level[${run}] = 1; dma_table[${run}] = wl >> 5;
    dma_got[${run}] = wl & 26; answered[${run}] = 0; refaults[${run}] = 0; answer[${run}] = 0;
      translated[${run}] = 0; discard[${run}] = 0`;
  const hit = (array: string) => `(${at(array)} & 1) && (!dma_write[${run}] || (${at(array)} & 2))`;
  const limit = Math.min(config?.refaults ?? 0, 1000);
  const refault =
    limit === 0
      ? 'skip'
      : `refaults[${run}] = refaults[${run}] + 1; if :: refaults[${run}] > ${limit} ->
        stage[${run}] = 6; if :: !failed[${device}] -> failed[${device}] = 1; V(device_failure)
          :: else fi :: else fi`;
  return `
inline DMA_CLEAR_${run}() {
  stage[${run}] = 0; dma_level[${run}] = 0; dma_table[${run}] = 0; dma_got[${run}] = 0;
    dma_page[${run}] = 0; dma_word[${run}] = 0; dma_write[${run}] = 0;
  discard[${run}] = 0; must_finish[${run}] = 0; answer[${run}] = 0; translated[${run}] = 0;
    logged[${run}] = 0; answered[${run}] = 0; dma_tag[${run}] = 0; refaults[${run}] = 0
}
#define DMA_READY_${run} (stage[${run}] <= 2 || stage[${run}] == 6 || (stage[${run}] == 4 \\
  && (!(${config?.requests ?? 0} > 0 && ${hasAts ? 1 : 0} && !pri_off[${device}] && !failed[${device}]) \\
    || TAG_FREE_${run})))
#define TAG_FREE_${run} (${free})
/* One step of a DMA. Outcome in wo: 0 more, 1 done (what was read in wl), 2 aborted. */
inline DMA_STEP_${run}(l, h, wr, value) {
  wo = 0;
  if
  :: stage[${run}] == 0 ->
     stage[${run}] = 1; dma_page[${run}] = PAGE(l, h); assert(dma_page[${run}] < ${n.pages});
     dma_word[${run}] = CS(((l) & 4095) >> 3); dma_write[${run}] = wr;
     DMA_ISSUED(${device}, ${pasid}, l, h, wr)
  :: else
  fi;
  if
  :: stage[${run}] == 1 ->
     if
     :: failed[${device}] -> DMA_CLEAR_${run}(); wo = 2
     :: else ->
        if :: answered[${run}] -> DMA_ISSUED(${device}, ${pasid}, l, h, wr) :: else fi;
        ${
          hasAts
            ? `if :: ${hit('atc')} -> wl = ${at('atc')}; ${takeOff} :: else -> stage[${run}] = 3 fi`
            : `if
        :: dma_level[${run}] == 0 && ${hit('iotlb')} -> wl = ${at('iotlb')}; ${takeOff}
        :: else ->
           ${walk};
           if :: wo == 1 -> ${takeOff}; wo = 0 :: wo >= 2 -> DMA_CLEAR_${run}(); wo = 2 :: else fi
        fi`
        }
     fi
  :: stage[${run}] == 2 && wo == 0 ->
     j = dma_table[${run}]; k = dma_word[${run}]; t = dma_got[${run}];
     DMA_CLEAR_${run}();
     if :: wr -> WRITE(j, k, value) :: else -> wl = READ(j, k) fi;
     ACCESSED;
     if :: (t & 8) -> V(use_after_free) :: else fi;
     wo = 1
  :: stage[${run}] == 4 ->
     if
     :: ${config?.requests ?? 0} > 0 && !pri_off[${device}] && !failed[${device}] ->
        k = 0; do :: ${busy} -> k++ :: else -> break od;
        dma_tag[${run}] = k; stage[${run}] = 5; dma_level[${run}] = 0; dma_table[${run}] = 0;
          dma_got[${run}] = 0; answered[${run}] = 0
     :: else -> DMA_CLEAR_${run}(); wo = 2
     fi
  :: stage[${run}] == 6 -> DMA_CLEAR_${run}(); wo = 2
  :: else
  fi
}
/* The ATS agent advances the request of this program by a step. */
inline TRANSLATE_${run}() {
  if
  :: answer[${run}] ->
     if
     :: discard[${run}] -> discard[${run}] = 0; translated[${run}] = 0
     :: !discard[${run}] && translated[${run}] ->
       ${at('atc')} = 1 | dma_got[${run}] | (dma_table[${run}] << 5); stage[${run}] = 1;
         translated[${run}] = 0
     :: else -> stage[${run}] = 4; if :: answered[${run}] -> ${refault} :: else fi
     fi;
     answer[${run}] = 0; dma_level[${run}] = 0; dma_table[${run}] = 0; dma_got[${run}] = 0
  :: !answer[${run}] && dma_level[${run}] == 0 && ${hit('iotlb')} ->
     wl = ${at('iotlb')}; answer[${run}] = 1; translated[${run}] = 1; dma_level[${run}] = 1;
       dma_table[${run}] = wl >> 5; dma_got[${run}] = wl & 30
  :: else ->
     ${walk};
     if
     :: wo == 1 -> answer[${run}] = 1; translated[${run}] = 1; dma_level[${run}] = 1;
       dma_table[${run}] = wl >> 5; dma_got[${run}] = wl & 30
     :: wo >= 2 -> dma_level[${run}] = 0; dma_table[${run}] = 0; dma_got[${run}] = 0; answer[${run}] = 1
     :: else
     fi
  fi
}
inline LOG_${run}() {
  logged[${run}] = 1;
  i = ${iommu * Math.max(1, n.programs)} + log_n[${iommu}];
  log_device[i] = ${device + 1}; log_pasid[i] = ${pasid}; log_tag[i] = dma_tag[${run}];
    log_write[i] = dma_write[${run}];
  log_l[i] = PAGE_LOW(dma_page[${run}]); log_h[i] = PAGE_HIGH(dma_page[${run}]);
  log_n[${iommu}] = log_n[${iommu}] + 1
}
`;
}
