/** A range of source text. Lines and columns count from 1; the end is exclusive. */
export interface Span {
  /** Path of the file, as the host names it (absolute, or relative to `models/` for shipped models). */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** `file:line:column`, as compilers print it. */
export function formatSpan(span: Span): string {
  return `${span.file}:${span.line}:${span.column}`;
}
