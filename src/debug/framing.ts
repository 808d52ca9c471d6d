/**
 * Messages on a byte stream: `Content-Length: N`, an empty line, then N bytes of JSON. Both ends may cut the
 * stream anywhere.
 *
 * Written by us because the package's own ends the process on a malformed message and has no limits.
 * Whatever comes in, the reader goes on: what it cannot read is reported and skipped.
 */

/** Longest message that is read: a scenario with all its models is far below it. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Longest header: there are two fields in use, of some twenty bytes. */
const HEADER_BYTES_MAX = 4096;

/** What was wrong with the input, in a sentence. */
export interface MalformedInput {
  readonly message: string;
}

type Waiting =
  | { readonly for: 'header' }
  | { readonly for: 'body'; readonly bytes: number }
  | { readonly for: 'end of body'; readonly bytes: number };

/** Reads messages from a stream of bytes. */
export class FrameReader {
  private buffer: Uint8Array = new Uint8Array(0);
  private waiting: Waiting = { for: 'header' };

  constructor(
    private readonly onMessage: (message: object) => void,
    private readonly onMalformed: (input: MalformedInput) => void,
    private readonly bytesMax: number = MESSAGE_BYTES_MAX,
  ) {}

  /** Takes the next bytes of the stream. */
  push(chunk: Uint8Array): void {
    this.buffer = joined(this.buffer, chunk);
    while (this.advance()) {
      // Each call takes one header or body off the buffer.
    }
  }

  private advance(): boolean {
    switch (this.waiting.for) {
      case 'header':
        return this.readHeader();
      case 'body':
        return this.readBody(this.waiting.bytes);
      case 'end of body':
        return this.skip(this.waiting.bytes);
    }
  }

  private readHeader(): boolean {
    const end = endOfHeader(this.buffer);
    if (end === null) {
      if (this.buffer.length <= HEADER_BYTES_MAX) return false;
      // Nothing of this can be a header. The last bytes may be the beginning of an empty line.
      this.malformed(`no header ends within ${HEADER_BYTES_MAX} bytes`);
      this.buffer = this.buffer.subarray(this.buffer.length - 3);
      return false;
    }
    const header = new TextDecoder().decode(this.buffer.subarray(0, end.start));
    this.buffer = this.buffer.subarray(end.after);
    const bytes = contentLength(header);
    if (bytes === null)
      this.malformed(`expected a header Content-Length with a number, found '${shortened(header)}'`);
    else if (bytes > this.bytesMax) {
      this.malformed(`a message of ${bytes} bytes is longer than the limit of ${this.bytesMax}`);
      this.waiting = { for: 'end of body', bytes };
    } else this.waiting = { for: 'body', bytes };
    return true;
  }

  private readBody(bytes: number): boolean {
    if (this.buffer.length < bytes) return false;
    const text = new TextDecoder().decode(this.buffer.subarray(0, bytes));
    this.buffer = this.buffer.slice(bytes);
    this.waiting = { for: 'header' };
    const message = parse(text);
    if (message === null) this.malformed(`expected a message in JSON, found '${shortened(text)}'`);
    else this.onMessage(message);
    return true;
  }

  private skip(bytes: number): boolean {
    const skipped = Math.min(bytes, this.buffer.length);
    this.buffer = this.buffer.subarray(skipped);
    this.waiting = skipped === bytes ? { for: 'header' } : { for: 'end of body', bytes: bytes - skipped };
    return this.waiting.for === 'header';
  }

  private malformed(message: string): void {
    this.onMalformed({ message });
  }
}

/** The bytes of a message. */
export function frame(message: object): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(message));
  return joined(new TextEncoder().encode(`Content-Length: ${body.length}\r\n\r\n`), body);
}

/** The answer to input that is no message: an error response, so that it shows in whatever the client is. */
export function malformedResponse(input: MalformedInput): object {
  const error = { id: 1000, format: input.message, showUser: false };
  return {
    seq: 0,
    type: 'response',
    request_seq: 0,
    command: '',
    success: false,
    message: input.message,
    body: { error },
  };
}

function endOfHeader(buffer: Uint8Array): { start: number; after: number } | null {
  for (let index = 0; index < buffer.length && index <= HEADER_BYTES_MAX; index++) {
    if (buffer[index] !== 10) continue;
    // Some clients send bare line feeds.
    if (buffer[index + 1] === 10) return { start: index, after: index + 2 };
    if (buffer[index + 1] === 13 && buffer[index + 2] === 10) return { start: index, after: index + 3 };
  }
  return null;
}

function contentLength(header: string): number | null {
  const match = /(?:^|\n)content-length:\s*(\d{1,15})\s*(?:\r?\n|$)/i.exec(header);
  return match === null ? null : Number(match[1]);
}

function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
