/** Why a device walked on after its subscribers were released. */
import { deviceName, threadName } from '../session/names';
import { type Moment, momentOf } from './moments';
import type { Seen } from './retrace';
import type { Case, Story } from './why';
import { rootTaken, translationOf, useOf } from './why-translation';

/** Kernel functions after whose return a subscriber is gone. */
const releasing = ['mmu_notifier_unregister', '__mmu_notifier_release'];

/**
 * walk-after-release: the release, whoever set the root again, and the root that is still there; or, where
 * the root was taken, the cache that had the way past it, and why that was not flushed.
 */
export function walkAfterRelease(about: Case): Story {
  const { session, seen, finding } = about;
  const use = useOf(about);
  if (use === null) return { moments: [] };
  const released = releasesOf(about);
  const roots = rootMoments(about, use.owner, use.pasid);
  const taken = rootTaken(seen, use);
  const end = released.at(-1);
  if (taken !== null && end !== undefined) {
    const by = {
      position: Math.max(end.position, taken.position),
      what: 'the return of release',
      seen: null,
    };
    const { moments, cause = null } = translationOf(about, use, by);
    const rest = moments.filter(({ position, kind }) => kind !== 'root' && position <= finding.position);
    return { moments: [...released, ...roots, ...rest], cause };
  }
  const moments = [...released, ...roots].sort((a, b) => a.position - b.position);
  const isGiven = roots.some(({ text }) => text.includes('given'));
  const last = moments.at(-1);
  if (isGiven || last === undefined) return { moments };
  const by = threadName(session.vm, finding.violation.thread);
  const text = `root: nobody has taken the root from ${deviceName(session.vm, use.owner)}, so ${by} walks on`;
  return { moments: [...moments, { ...last, kind: 'root', text }] };
}

function releasesOf({ session, seen }: Case): Moment[] {
  return seen.flatMap(each => {
    const { event } = each;
    if (event.type === 'callback-return' && event.callback === 'release')
      return [momentOf(session, 'callback', `released: ${event.driver}.release has returned`, each)];
    if (event.type === 'return' && releasing.includes(event.fn.name))
      return [momentOf(session, 'callback', `released: ${event.fn.name} has returned`, each)];
    return [];
  });
}

/** Roots that were given to a device or taken from it. */
function rootMoments({ session, seen }: Case, device: number, pasid: number | null): Moment[] {
  return seen.flatMap((each: Seen): Moment[] => {
    if (each.event.type !== 'machine' || each.event.event.type !== 'gcr3') return [];
    const { event } = each.event;
    if (event.device !== device || (pasid !== null && event.pasid !== pasid)) return [];
    const name = `${deviceName(session.vm, device)} PASID ${event.pasid}`;
    const text =
      event.root === null ? `root: taken from ${name}` : `root: frame ${event.root} given to ${name}`;
    return [momentOf(session, 'root', text, each)];
  });
}
