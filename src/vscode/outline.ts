/** Where the scenarios of a file begin and end: enough for a CodeLens, also in a file with mistakes. */

/** A scenario found in a text. Lines count from 0, both included. */
export interface ScenarioOutline {
  readonly name: string;
  readonly line: number;
  readonly endLine: number;
  /** Whether it expects a violation. */
  readonly isViolated: boolean;
}

/** One token that matters here, or something to skip: comments and strings hide what is in them. */
const tokens = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\.|[^"\\\n])*"?|[A-Za-z_][\w]*|[{}]|\n/g;

/** The scenarios of a file, in order. A scenario that is not closed ends with the file. */
export function outlineScenarios(text: string): ScenarioOutline[] {
  const scenarios: ScenarioOutline[] = [];
  let line = 0;
  let depth = 0;
  let before = '';
  let open: { name: string; line: number; isViolated: boolean } | null = null;
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') depth += 1;
    else if (token === '}') depth = Math.max(0, depth - 1);
    else if (/^\w/.test(token) && before === 'scenario' && depth === 0) {
      open = { name: token, line, isViolated: false };
    } else if (token === 'violated' && before === 'expect' && depth === 1 && open) open.isViolated = true;
    if (token === '}' && depth === 0 && open) {
      scenarios.push({ ...open, endLine: line });
      open = null;
    }
    line += token.split('\n').length - 1;
    // A comment or a line break between the keyword and the name changes nothing.
    if (/^[\w{}]/.test(token)) before = token;
  }
  if (open) scenarios.push({ ...open, endLine: line });
  return scenarios;
}

/** The scenario a cursor is in; between two, the next one, because its comment is above it; else the last. */
export function scenarioAt(scenarios: readonly ScenarioOutline[], line: number): ScenarioOutline | undefined {
  return scenarios.find(scenario => line <= scenario.endLine) ?? scenarios.at(-1);
}
