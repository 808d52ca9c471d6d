/**
 * The arithmetic of the language, the same before a run and in it. Numbers are integers of up to 53 bits, so
 * that addresses are exact; a result beyond is for the caller to refuse. Division by zero is, too.
 */
import { fromWords, highWord, lowWord } from './address';

/** An operator whose operands and result are numbers. */
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '<<' | '>>';

/** What each operator does. A remainder has the sign of the divisor, a quotient is rounded towards 0. */
export const arithmetic: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a - Math.floor(a / b) * b,
  '&': (a, b) => fromWords(lowWord(a) & lowWord(b), highWord(a) & highWord(b)),
  '|': (a, b) => fromWords(lowWord(a) | lowWord(b), highWord(a) | highWord(b)),
  '<<': (a, b) => a * 2 ** b,
  '>>': (a, b) => Math.floor(a / 2 ** b),
};
