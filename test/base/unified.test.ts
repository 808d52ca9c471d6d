import { expect, test } from 'vitest';
import { unifiedHunks } from '../../src/base/unified';

const lines = (text: string) => text.split('');

test('equal lists have no hunks', () => {
  expect(unifiedHunks(lines('abc'), lines('abc'))).toEqual([]);
});

test('lines far from a change are left out', () => {
  const hunks = unifiedHunks(lines('abcdefghijklmnop'), lines('abcdeFghijklmnoP'));
  expect(hunks.map(hunk => hunk.join(' '))).toEqual([' c  d  e -f +F  g  h  i', ' m  n  o -p +P']);
});

test('what was added and removed are whole lists', () => {
  expect(unifiedHunks([], lines('ab'))).toEqual([['+a', '+b']]);
  expect(unifiedHunks(lines('ab'), [])).toEqual([['-a', '-b']]);
});

test('both lists can be made again from hunks that hold everything', () => {
  for (const [before, after] of [
    ['abcab', 'bacba'],
    ['xaxbx', 'ab'],
    ['ab', 'xaxbx'],
  ] as const) {
    const [hunk = []] = unifiedHunks(lines(before), lines(after));
    const take = (sign: string) =>
      hunk
        .filter(line => line[0] === ' ' || line[0] === sign)
        .map(line => line.slice(1))
        .join('');
    expect([take('-'), take('+')]).toEqual([before, after]);
  }
});
