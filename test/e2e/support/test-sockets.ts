import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

export type SocketLibrary = 'socket.io' | 'ws';

export const SOCKET_LIBRARIES: readonly SocketLibrary[] = ['socket.io', 'ws'];

export interface TestMessage {
  readonly event: string;
  readonly data: unknown;
}

export interface TestSocketSettings {
  readonly library: SocketLibrary;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface SocketWire {
  send(message: TestMessage): void;
  close(): void;
  onClosed(listener: (why: number | string) => void): void;
}

/** A client of either library. */
export class TestSocket {
  /** Resolves to the close code of ws, or the reason of socket.io. */
  readonly closed: Promise<number | string>;
  isClosed = false;
  private readonly arrived: TestMessage[] = [];
  private waiter: (() => void) | undefined;

  constructor(private readonly wire: SocketWire) {
    this.closed = new Promise((resolve) => {
      wire.onClosed((why) => {
        this.isClosed = true;
        resolve(why);
        this.waiter?.();
      });
    });
  }

  /** Resolves when the handshake was answered, whatever becomes of the session. */
  static async open({ library, url, headers = {} }: TestSocketSettings): Promise<TestSocket> {
    return library === 'ws' ? openWs(url, headers) : openSocketIo(url, headers);
  }

  close(): void {
    this.wire.close();
  }

  send(event: string, data: unknown = {}): void {
    this.wire.send({ event, data });
  }

  /** Sends, and waits for the next message. */
  async ask(event: string, data: unknown = {}): Promise<TestMessage> {
    this.send(event, data);
    return this.next();
  }

  /** The next message that was not taken yet. */
  async next(): Promise<TestMessage> {
    for (;;) {
      const message = this.arrived.shift();
      if (message) return message;
      if (this.isClosed) throw new Error('the socket is closed and has no more messages');
      await new Promise<void>((resolve) => (this.waiter = resolve));
    }
  }

  receive(message: TestMessage): void {
    this.arrived.push(message);
    this.waiter?.();
  }
}

async function openWs(url: string, headers: Readonly<Record<string, string>>): Promise<TestSocket> {
  const client = new WebSocket(url.replace(/^http/, 'ws'), { headers });
  const socket = new TestSocket({
    send: (message) => client.send(JSON.stringify(message)),
    close: () => client.close(),
    onClosed: (listener) => client.once('close', (code) => listener(code)),
  });
  client.on('message', (data: Buffer) => socket.receive(JSON.parse(data.toString()) as TestMessage));
  await new Promise<void>((resolve, reject) => {
    client.once('open', resolve);
    client.once('error', reject);
  });
  client.on('error', () => undefined);
  return socket;
}

async function openSocketIo(url: string, headers: Readonly<Record<string, string>>): Promise<TestSocket> {
  const client = io(url, { transports: ['websocket'], extraHeaders: headers, reconnection: false, forceNew: true });
  const socket = new TestSocket({
    send: ({ event, data }) => client.emit(event, data),
    close: () => client.disconnect(),
    onClosed: (listener) => client.once('disconnect', (reason) => listener(reason)),
  });
  client.onAny((event: string, data: unknown) => socket.receive({ event, data }));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', resolve);
    client.once('connect_error', reject);
  });
  return socket;
}

/** What the product promises: a second, on any instance. */
export async function closeWithinASecond(socket: TestSocket): Promise<number | string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the socket is still open after a second')), 1000);
  });
  try {
    return await Promise.race([socket.closed, late]);
  } finally {
    clearTimeout(timer);
  }
}
