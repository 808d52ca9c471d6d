/** C where our language is expected: the message says what to write instead. */
import { expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { small } from './small';

function messages(statement: string): string[] {
  const text = `struct acme pool 2 { slot: int 0..9  other: acme }
fn f(a: acme, n: int 0..9) {
  ${statement}
}
fn g() { skip; }
scenario s { kernel small machine { iommu i { device d { } } } process P { } task t in P on cpu 0 { skip } }
`;
  const options = { models: small.models, imports: () => undefined };
  return compileScenarioFile({ path: 's.mmu', text }, options).problems.map(({ message }) => message);
}

test.each([
  ['n = a->slot;', "there is no '->', write '.' for a field"],
  ['n++;', "there is no '++', write 'x = x + 1'"],
  ['n--;', "there is no '--', write 'x = x - 1'"],
  ['struct acme *b = a;', "expected 'var b' to declare a local"],
  ['if (n = 0) { skip; }', "'=' assigns, expected '==' in a condition"],
  ['spin_lock(&a);', "there is no '&' of a place, write it as it is"],
  ['printk("hello");', 'there is no text in expressions'],
  ['if (a == NULL) { skip; }', "unknown name 'NULL', did you mean 'null'?"],
  ['var m: u32 = 0;', "unknown type 'u32', expected a range such as 'int 0..255'"],
])('%s', (statement, message) => {
  expect(messages(statement)).toEqual([message]);
});
