/** Guests: virtual CPUs with tables of their own, made by a driver, and judged like everybody else. */
import { describe, expect, test } from 'vitest';
import { outcomeOf, startSearch } from '../../src/explore/explore';
import { usualSearch } from '../../src/explore/job';
import { compileScenarioFile } from '../../src/language/compile';
import { compileShipped, sourcesOf } from '../language/models';

const { models } = compileShipped();

/** A driver for guests that maps what it is told to, without any care. */
const careless = `
driver careless {
  var root: table
  var subscriber: mmu_notifier

  notifier careless {
    release(mn, mm) { skip; }
  }

  fn bind(mm: mm) {
    var top = alloc_table(4);
    root = top;
    load_eptp(0, top);
    var mn = new mmu_notifier;
    mn.ops = careless;
    subscriber = mn;
    mmu_notifier_register(mn, mm);
  }

  fn enter_store(gpa: addr, hva: addr, value: int 0..63) -> int 0..63 {
    local_irq_disable();
    vm_enter(0);
    var reason = guest_store(0, gpa, hva, value);
    local_irq_enable();
    return reason;
  }

  fn map(gpa: addr, hva: addr) {
    var mm = current.mm;
    down_read(mm.mmap_sem);
    var page = get_user_pages(mm, hva, true);
    up_read(mm.mmap_sem);
    if (page == null) return;
    var table = root;
    while (table_level(table) > 1) {
      var value = *entry_at(table, gpa);
      if (pte_present(value)) {
        table = pte_table(value);
      } else {
        var below = alloc_table(table_level(table) - 1);
        set_entry(entry_at(table, gpa), pte_mkyoung(mk_table_entry(below)));
        table = below;
      }
    }
    set_pte(entry_at(table, gpa), mk_pte(page, true));
    put_page(page);
  }

  fn unmap(gpa: addr) {
    var table = root;
    while (table_level(table) > 1) {
      var value = *entry_at(table, gpa);
      table = pte_table(value);
    }
    set_pte(entry_at(table, gpa), no_pte());
  }
}
`;

const machine = 'machine { cpus 2  vcpus 1  frames 32 }';

function programOf(text: string) {
  const compiled = compileScenarioFile({ path: 'guest.mmu', text }, { models, imports: () => undefined });
  const [scenario] = compiled.scenarios;
  const errors = compiled.problems.filter(({ severity }) => severity === 'error');
  if (scenario === undefined || errors.length > 0)
    throw new Error(errors.map(({ message }) => message).join('\n'));
  return scenario.program();
}

/** What a search finds in a scenario with the careless driver: the verdict, or the properties violated. */
function found(items: string, declarations = careless): string {
  const program = programOf(`${declarations}\nscenario guest {\n  kernel linux-3.18\n${items}\n}\n`);
  const limits = { statesMax: 300_000, depthMax: 10_000, memoryMax: 2 ** 28, secondsMax: 60 };
  const search = startSearch(program, { ...usualSearch, limits, clock: () => performance.now() / 1000 });
  while (!search.advance(10_000));
  const { verdict, findings, incomplete } = outcomeOf(program, search);
  const properties = [...new Set(findings.map(({ violation }) => violation.property))];
  return properties.join(', ') || (incomplete ?? verdict);
}

describe('what a guest does is judged as an access of its process', () => {
  test('a guest faults where nothing is mapped, and stores once it is', () => {
    const items = `${machine}
    process P { mmap A, 1 page, rw, touched  bind driver careless }
    task v0 in P on cpu 1 {
      var first = careless.enter_store(0x1000, A, 5);
      assert(first == 48);
      careless.map(0x1000, A);
      var second = careless.enter_store(0x1000, A, 6);
      assert(second == 12);
      var word = load(A);
      assert(word == 6);
    }`;
    expect(found(items)).toBe('holds');
  });

  test('an entry that outlives its page', () => {
    const items = `${machine}
    unwatched missed-range "so that the search goes on"
    process P { mmap A, 1 page, rw, touched  bind driver careless }
    task v0 in P on cpu 1 {
      careless.map(0x1000, A);
      madvise(A, 1 page, MADV_DONTNEED);
      careless.enter_store(0x1000, A, 6);
    }`;
    expect(found(items)).toContain('use-after-free');
  });

  test('an entry that outlives the right to write', () => {
    const items = `${machine}
    process P { mmap A, 1 page, rw, touched  bind driver careless }
    task v0 in P on cpu 1 {
      careless.map(0x1000, A);
      mprotect(A, 1 page, PROT_READ);
      careless.enter_store(0x1000, A, 6);
    }`;
    expect(found(items)).toBe('access-after-protect');
  });

  test('an entry that stays at the page that was copied', () => {
    const items = `${machine}
    unwatched missed-range "so that the search goes on"
    unwatched use-after-free "so that the search goes on"
    process P { mmap A, 1 page, rw, touched  bind driver careless }
    task t0 in P on cpu 0 { move_pages(A, 1 page); }
    task v0 in P on cpu 1 {
      careless.map(0x1000, A);
      careless.enter_store(0x1000, A, 6);
    }`;
    expect(found(items)).toContain('lost-write');
  });

  test('an entry through which a child sees what its parent writes', () => {
    const items = `${machine}
    process P { mmap A, 1 page, rw, touched  bind driver careless }
    task v0 in P on cpu 1 {
      careless.map(0x1000, A);
      fork(c);
      careless.enter_store(0x1000, A, 6);
    }
    task c forked by v0 on cpu 0 { load(A); }`;
    expect(found(items)).toContain('cow-isolation');
  });

  test('what a guest has cached outlives exits, until it is told', () => {
    const twice = (between: string) => `${machine}
    process P { mmap A, 1 page, rw, touched  bind driver careless }
    task v0 in P on cpu 1 {
      careless.map(0x1000, A);
      careless.enter_store(0x1000, A, 6);
      careless.unmap(0x1000);
      ${between}
      var reason = careless.enter_store(0x1000, A, 7);
      assert(reason == 48);
    }`;
    expect(found(twice(''))).toBe('assertion');
    expect(found(twice('invept(0);'))).toBe('holds');
  });
});

describe('mistakes', () => {
  const v0 = (body: string) => `process P { mmap A, 1 page, rw, touched  bind driver careless }
    task v0 in P on cpu 0 { ${body} }`;

  test('a guest that was not entered', () => {
    expect(found(`machine { vcpus 1 }\n${v0('guest_store(0, A, A, 1);')}`)).toBe('assertion');
  });

  test('a virtual CPU that is not there', () => {
    expect(found(`machine { vcpus 1 }\n${v0('vm_enter(1);')}`)).toBe('assertion');
  });

  test('a driver for guests bound to a device, and one for devices bound to none', () => {
    const at = (binding: string) =>
      programOf(`${careless}\nscenario s { kernel linux-3.18+invalidate_range
        machine { vcpus 1  iommu amd { device gpu { ats } } }
        process P { mmap A, 1 page, rw  ${binding} }
        task t0 in P on cpu 0 { skip; } }`);
    expect(() => at('bind gpu, pasid 1, driver careless')).toThrow(
      "driver 'careless' lacks 'fn bind(mm: mm, device: device, pasid: int)'",
    );
    expect(() => at('bind driver amd_iommu_v2+invalidate_range')).toThrow(
      "driver 'amd_iommu_v2+invalidate_range' lacks 'fn bind(mm: mm)'",
    );
    expect(at('bind driver careless').scenario.machine.vcpus).toBe(1);
  });
});

test('KVM without invalidate_page is not told of pages that are reclaimed', () => {
  const [common] = sourcesOf('models/drivers').filter(({ path }) => path.endsWith('/kvm_main.mmu'));
  const text = common?.text ?? '';
  const start = text.indexOf('  invalidate_page(mn, mm, address) {');
  const end = text.indexOf('  }\n', start);
  expect(start).toBeGreaterThan(0);
  const [own] = sourcesOf('models/drivers').filter(({ path }) => path.endsWith('/kvm.mmu'));
  const without = text.slice(0, start) + text.slice(text.indexOf('\n  }\n', end) + 5);
  const driver = (own?.text ?? '')
    .replace(/import .*\n/, '')
    .replace('driver kvm {\n', `driver kvm {\n${without}`);
  const items = `machine { cpus 2  vcpus 1  frames 32 }
    swap 2 pages
    process P { mmap A, 1 page, rw, touched  bind driver kvm }
    task t0 in P on cpu 0 { mem_cgroup_move_charge(A, 1 page); mem_cgroup_limit(); }
    task v0 in P on cpu 1 { kvm.guest_write(0, A, 5); }`;
  expect(found(items, driver)).toContain('missed-range');
});
