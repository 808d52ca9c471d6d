/**
 * The answer of a search, for people: the verdict, why it is violated, the schedule as a diagram, what was
 * searched, and what was not.
 */
import { type ExploreReport, mainFinding } from '../explore/job';
import type { Finding } from '../explore/search';
import type { Program } from '../language/program';
import type { Finding as Found } from '../session/history';
import type { Session } from '../session/session';
import type { CacheMode } from '../vm/types';
import { counterexample, findingOf } from './counterexample';
import { notReachedCount } from './coverage';
import { diagram } from './diagram';
import { switchesIn } from './minimise';
import { report as reportLines } from './report';
import { wrap } from './text';
import { reasonsOf, type Why, why } from './why';

/** A violation that was found, walked to by a path made short. */
export interface Shown {
  /** What the search found. */
  readonly finding: Finding;
  /** At the end of a short path to it. */
  readonly session: Session;
  /** The same as the session has it. */
  readonly found: Found;
}

/** The violation that a scenario is about; null if there is none, or none that a path leads to. */
export function shownOf(program: Program, report: ExploreReport, caches: CacheMode): Shown | null {
  const finding = mainFinding(program, report.findings);
  const session = finding === null ? null : counterexample(program, finding, caches);
  const found = finding === null || session === null ? null : findingOf(session, finding);
  return finding === null || session === null || found === null ? null : { finding, session, found };
}

/** Why a violation is one. */
export function whyOf({ session, found }: Shown): Why {
  return why(session, found);
}

/** A report as sanitizers give one and the diagram below: at most 72 columns, for a commit message. */
export function notationOf(session: Session, found: Found | null): string {
  const head = found === null ? [] : [...reportLines(session, found), ''];
  return `${[...head, ...diagram(session, found)].join('\n')}\n`;
}

/** How an answer is written. */
export interface AnswerOptions {
  readonly columns: number;
  /** Where to find what was not reached. */
  readonly unreached: string;
  /** Assumptions that were told of scenarios before: they are told once. What is told now is added. */
  readonly told?: Set<string>;
}

/** The whole answer in lines of at most so many columns. */
export function answerLines(
  program: Program,
  report: ExploreReport,
  shown: Shown | null,
  options: AnswerOptions,
): string[] {
  const { columns } = options;
  const verdict = `${program.scenario.name} on ${program.kernel}: ${report.text}`;
  const story = shown === null ? [] : storyOf(shown, columns);
  const notes = report.notes.flatMap(note => wrap(`note: ${note}`, columns, 2));
  return [verdict, ...notes, ...story, '', ...searchedLines(program, report, shown, options)];
}

function storyOf({ session, found }: Shown, columns: number): string[] {
  const [headline, ...reasons] = reasonsOf(session, found).map(({ text }) => text);
  return [
    '',
    ...wrap(headline ?? '', columns, 0),
    ...reasons.flatMap(text => wrap(text, columns, 2)),
    '',
    ...diagram(session, found).map(line => line.trimEnd()),
  ];
}

/** What was found besides, how much was searched, and what the verdict rests on. */
function searchedLines(
  program: Program,
  report: ExploreReport,
  shown: Shown | null,
  { columns, unreached: where, told = new Set() }: AnswerOptions,
): string[] {
  const { states, transitions, depth, seconds } = report;
  const lines = report.findings.map(finding => foundLine(finding, shown));
  const { walks } = report;
  const size =
    walks === null
      ? `${number(states)} states, ${number(transitions)} transitions, depth ${number(depth)}`
      : `${number(states)} steps in ${number(walks)} walks, depth ${number(depth)}`;
  const rate = number(states / Math.max(seconds, 0.001));
  const bytes = number(report.bytes / Math.max(1, states));
  const rates = walks === null ? `${rate} states/s, ${bytes} bytes a state` : `${rate} steps/s`;
  lines.push(size, `${seconds.toFixed(2)} s, ${rates}`);
  if (report.limit !== null && report.waiting > 0)
    lines.push(`${number(report.waiting)} states were not expanded`);
  lines.push(...assumptionLines(report.assumptions, told));
  lines.push(`bounds: ${boundsOf(program)}; of more than that nothing is said`);
  lines.push('not judged: that something happens at last, but for answers to page requests and retries');
  const unreached = notReachedCount(program, report.covered);
  if (unreached !== null) lines.push(`not reached: ${unreached} (${where})`);
  return lines.flatMap(line => wrap(line, columns, 2));
}

/** Each assumption the first time; the odds of an omission are told of every scenario, as they differ. */
function assumptionLines(assumptions: readonly string[], told: Set<string>): string[] {
  const fresh = assumptions.filter(each => !told.has(each));
  const isRepeated = fresh.length < assumptions.length;
  for (const each of fresh) told.add(each);
  const lines = fresh.map(assumption => `assumes: ${assumption}`);
  return isRepeated ? [...lines, 'assumes: besides, what was said of the scenarios above'] : lines;
}

/** `1 CPU, 32 frames, 1 device, 1 task`: how large the scenario is. */
export function boundsOf({ scenario }: Program): string {
  const { machine, tasks } = scenario;
  const devices = machine.iommus.reduce((sum, iommu) => sum + iommu.devices.length, 0);
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  const parts = [counted(machine.cpus, 'CPU'), counted(machine.frames, 'frame')];
  if (devices > 0) parts.push(counted(devices, 'device'));
  return [...parts, counted(tasks.length, 'task')].join(', ');
}

function foundLine({ violation, path }: Finding, shown: Shown | null): string {
  const { property, message } = violation;
  if (path === null) return `${property} on no path: ${message}`;
  if (shown?.finding.violation !== violation) return `${property} in ${path.length} steps: ${message}`;
  const { length, steps } = shown.session;
  const switches = switchesIn(steps);
  return `${property} in ${length} steps (above), with ${switches} ${switches === 1 ? 'switch' : 'switches'}`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}
