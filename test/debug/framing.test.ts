/** The framing of messages: cut anywhere, malformed in every way; the reader always goes on. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, frame, malformedResponse } from '../../src/debug/framing';

function read(chunks: readonly Uint8Array[], bytesMax?: number): { messages: object[]; malformed: string[] } {
  const messages: object[] = [];
  const malformed: string[] = [];
  const reader = new FrameReader(
    message => messages.push(message),
    ({ message }) => malformed.push(message),
    bytesMax,
  );
  for (const chunk of chunks) reader.push(chunk);
  return { messages, malformed };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const good = { type: 'request', seq: 1, command: 'threads', text: 'ä€' };

test('messages arrive whole however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.nat(40)), (values, cuts) => {
      const sent = values.map(value => ({ value }));
      const stream = Uint8Array.from(sent.flatMap(message => [...frame(message)]));
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(stream.slice(at, at + cut));
        at += cut;
      }
      chunks.push(stream.slice(at));
      expect(read(chunks)).toEqual({ messages: JSON.parse(JSON.stringify(sent)), malformed: [] });
    }),
  );
});

test.each([
  ['a header without a length', 'Content-Type: x\r\n\r\n', /expected a header Content-Length/],
  ['a length that is no number', 'Content-Length: many\r\n\r\n', /expected a header Content-Length/],
  ['a body that is no JSON', 'Content-Length: 3\r\n\r\n{x}', /expected a message in JSON/],
  ['a body that is no object', 'Content-Length: 2\r\n\r\n[]', /expected a message in JSON/],
  ['a body too long', `Content-Length: 2000\r\n\r\n${'x'.repeat(2000)}`, /longer than the limit of 1000/],
  ['bytes without end', 'x'.repeat(5000), /no header ends within 4096 bytes/],
])('%s is told, and the next message is read', (_, text, expected) => {
  // What is no header at all swallows up to the next empty line.
  const between = text.startsWith('x') ? '\r\n\r\n' : '';
  const { messages, malformed } = read([bytes(text), bytes(between), frame(good)], 1000);
  expect(malformed[0]).toMatch(expected);
  expect(messages).toEqual([good]);
});

test('bare line feeds and any case will do', () => {
  const body = JSON.stringify(good);
  const stream = bytes(`content-length: ${bytes(body).length}\n\n${body}`);
  expect(read([stream])).toEqual({ messages: [good], malformed: [] });
});

test('malformed input is answered with an error response', () => {
  expect(malformedResponse({ message: 'no' })).toMatchObject({
    type: 'response',
    success: false,
    message: 'no',
  });
});
