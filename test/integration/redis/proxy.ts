import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Bytes in one direction that a test can hold back. */
class Lane {
  private readonly held: [Socket, Buffer][] = [];
  private isHolding = false;

  pass(to: Socket, bytes: Buffer): void {
    if (this.isHolding) this.held.push([to, bytes]);
    else to.write(bytes);
  }

  hold(): void {
    this.isHolding = true;
  }

  release(): void {
    this.isHolding = false;
    for (const [to, bytes] of this.held.splice(0)) to.write(bytes);
  }

  drop(): void {
    this.isHolding = false;
    this.held.length = 0;
  }
}

/** Starts a TCP proxy to a local server. It can hold back requests and replies, and cut connections. */
export async function startProxy(targetPort: number) {
  const inbounds = new Set<Socket>();
  const requests = new Lane();
  const replies = new Lane();
  const server = createServer((inbound) => {
    const outbound = connect(targetPort, '127.0.0.1');
    inbounds.add(inbound);
    const end = () => {
      inbounds.delete(inbound);
      inbound.destroy();
      outbound.destroy();
    };
    for (const socket of [inbound, outbound]) socket.on('error', end).on('close', end);
    inbound.on('data', (bytes) => requests.pass(outbound, bytes));
    outbound.on('data', (bytes) => replies.pass(inbound, bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    replies,
    /** Drops the bytes that are held back, and every connection. */
    cut() {
      requests.drop();
      replies.drop();
      for (const inbound of inbounds) inbound.destroy();
    },
    close: () => {
      for (const inbound of inbounds) inbound.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
