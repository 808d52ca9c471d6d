import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addressBelow,
  alignDown,
  alignUp,
  entrySpan,
  formatAddress,
  fromWords,
  highWord,
  lowWord,
  pieceOf,
  prefixHigh,
  prefixLow,
  slotOf,
  tableIndex,
} from '../../src/base/address';

/** Canonical addresses of 57 bits less the few that a double cannot hold: user and kernel half. */
const addresses = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });

test('two words hold any address', () => {
  fc.assert(fc.property(addresses, address => fromWords(lowWord(address), highWord(address)) === address));
});

test('slots and prefixes of the words are those of the address', () => {
  fc.assert(
    fc.property(addresses, fc.integer({ min: 1, max: 5 }), (address, level) => {
      const low = lowWord(address);
      const high = highWord(address);
      expect(slotOf(low, high, level)).toBe(tableIndex(address, level));
      const prefix = alignDown(address, entrySpan(level));
      expect(fromWords(prefixLow(low, level), prefixHigh(high, level))).toBe(prefix);
      if (level <= 3) expect(pieceOf(low, high, level)).toBe(Math.floor((address - prefix) / 4096));
    }),
  );
});

test('unsigned order and text agree with 64-bit two’s complement', () => {
  const unsigned = (address: number) => BigInt.asUintN(64, BigInt(address));
  fc.assert(
    fc.property(addresses, addresses, (a, b) => {
      expect(addressBelow(a, b)).toBe(unsigned(a) < unsigned(b));
      expect(BigInt(formatAddress(a))).toBe(unsigned(a));
    }),
  );
});

test('rounding goes down and up to multiples', () => {
  expect([alignDown(0x1fff, 0x1000), alignUp(0x1001, 0x1000), alignUp(0x2000, 0x1000)]).toEqual([
    0x1000, 0x2000, 0x2000,
  ]);
  expect(alignDown(-1, 0x1000)).toBe(-0x1000);
});
