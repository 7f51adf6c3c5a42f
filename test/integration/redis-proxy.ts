import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy that can hold replies back and cut connections. */
export async function startProxy(targetPort: number) {
  const pairs = new Set<[Socket, Socket]>();
  let isHolding = false;
  const held: [Socket, Buffer][] = [];
  const server = createServer((inbound) => {
    const outbound = connect(targetPort, '127.0.0.1');
    const pair: [Socket, Socket] = [inbound, outbound];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      inbound.destroy();
      outbound.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    inbound.pipe(outbound);
    outbound.on('data', (bytes) => {
      if (isHolding) held.push([inbound, bytes]);
      else inbound.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    holdReplies() {
      isHolding = true;
    },
    releaseReplies() {
      isHolding = false;
      for (const [socket, bytes] of held.splice(0)) socket.write(bytes);
    },
    cut() {
      isHolding = false;
      held.length = 0;
      for (const [inbound] of pairs) inbound.destroy();
    },
    close: () => {
      for (const [inbound] of pairs) inbound.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
