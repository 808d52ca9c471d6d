/**
 * Verdicts as JUnit XML, which every continuous integration reads: a testsuite for each file, a testcase for
 * each scenario. A verdict that differs is a failure, an incomplete one is skipped, what does not compile is
 * an error.
 */

/** One scenario explored. */
export interface JunitCase {
  readonly name: string;
  readonly kernel: string;
  readonly seconds: number;
  /** Null for what is as expected. */
  readonly problem: { readonly kind: 'failure' | 'skipped' | 'error'; readonly message: string } | null;
  /** More about the problem. */
  readonly text: string;
}

/** The scenarios of a file. */
export interface JunitSuite {
  readonly file: string;
  readonly cases: readonly JunitCase[];
}

/** The whole document. */
export function junitXml(suites: readonly JunitSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="shootdown"${countsOf(all, false)}>`,
    ...suites.flatMap(suiteLines),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function suiteLines({ file, cases }: JunitSuite): string[] {
  const head = `  <testsuite name="${escaped(file)}"${countsOf(cases, true)}>`;
  return [head, ...cases.flatMap(each => caseLines(file, each)), '  </testsuite>'];
}

function countsOf(cases: readonly JunitCase[], isSuite: boolean): string {
  const count = (kind: string) => cases.filter(({ problem }) => problem?.kind === kind).length;
  const seconds = cases.reduce((sum, each) => sum + each.seconds, 0);
  const counts = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}"`;
  const skipped = isSuite ? ` skipped="${count('skipped')}"` : '';
  return ` ${counts}${skipped} time="${seconds.toFixed(3)}"`;
}

function caseLines(file: string, { name, kernel, seconds, problem, text }: JunitCase): string[] {
  const classname = `${file.replace(/\.mmu$/, '').replaceAll('.', '_')}${kernel === '' ? '' : `.${kernel}`}`;
  const head =
    `    <testcase name="${escaped(name)}" classname="${escaped(classname)}" ` +
    `time="${seconds.toFixed(3)}"`;
  if (problem === null) return [`${head}/>`];
  const { kind, message } = problem;
  if (kind === 'skipped')
    return [`${head}>`, `      <skipped message="${escaped(message)}"/>`, '    </testcase>'];
  const body = `      <${kind} message="${escaped(message)}" type="${kind}">${escaped(text)}</${kind}>`;
  return [`${head}>`, body, '    </testcase>'];
}

/** Text as XML takes it. What XML has no way to write is left out. */
function escaped(text: string): string {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return [...text]
    .filter(char => char >= ' ' || char === '\n' || char === '\t')
    .map(char => named[char] ?? char)
    .join('');
}
