import { once, setMaxListeners } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What happens to the bytes in one direction. */
export type Flow =
  /** Bytes are passed on, optionally later. */
  | { readonly kind: 'pass'; readonly delayMs?: number }
  /** Bytes are kept, in order, until the flow passes again. */
  | { readonly kind: 'pause' }
  /** Bytes are lost for good, while the connection stays open. */
  | { readonly kind: 'drop' };

export type Direction = 'toServer' | 'toClient';

const PASS: Flow = { kind: 'pass' };

/**
 * A proxy between a client and a server on 127.0.0.1. It imitates a network that hangs, loses, delays or breaks.
 *
 * When one side ends its connection, the proxy ends the other one after it has handled the bytes sent before.
 */
export class TcpProxy {
  private readonly flows: Record<Direction, Flow> = { toServer: PASS, toClient: PASS };
  private readonly sockets = new Set<Socket>();
  private readonly changes = new EventTarget();
  private isRefusing = false;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    // Every paused connection listens for a change.
    setMaxListeners(0, this.changes);
    server.on('connection', (client) => this.join(client));
  }

  /** Listens on a free port, in front of the server on the target port. */
  static async open(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.sockets.size / 2;
  }

  /** Sets the flow of every connection from now on, in both directions unless one is named. */
  setFlow(flow: Flow, direction?: Direction): void {
    if (direction !== 'toClient') this.flows.toServer = flow;
    if (direction !== 'toServer') this.flows.toClient = flow;
    this.changes.dispatchEvent(new Event('change'));
  }

  /** Breaks every connection, and refuses new ones until `accept`. */
  refuse(): void {
    this.isRefusing = true;
    this.breakConnections();
  }

  accept(): void {
    this.isRefusing = false;
  }

  breakConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.breakConnections();
    await closed;
  }

  private join(client: Socket): void {
    if (this.isRefusing) {
      client.destroy();
      return;
    }
    const upstream = connect(this.targetPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      // The peer sees the broken connection; the reason does not matter.
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.sockets.delete(socket);
        this.changes.dispatchEvent(new Event('change'));
      });
    }
    void this.pump({ from: client, to: upstream, direction: 'toServer' });
    void this.pump({ from: upstream, to: client, direction: 'toClient' });
  }

  private async pump({ from, to, direction }: { from: Socket; to: Socket; direction: Direction }): Promise<void> {
    try {
      for await (const chunk of from) {
        if (await this.mayPass(direction, from)) to.write(chunk as Buffer);
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  private async mayPass(direction: Direction, from: Socket): Promise<boolean> {
    let flow = this.flows[direction];
    while (flow.kind === 'pause' && !from.destroyed) {
      await once(this.changes, 'change');
      flow = this.flows[direction];
    }
    if (flow.kind === 'pass' && flow.delayMs !== undefined) await wait(flow.delayMs);
    return flow.kind === 'pass';
  }
}
