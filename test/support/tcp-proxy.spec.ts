import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.js';

describe('the TCP proxy', () => {
  let server: Server;
  let proxy: TcpProxy;
  const heard: string[] = [];
  const clients: Socket[] = [];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    heard.length = 0;
    sockets.length = 0;
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        heard.push(bytes.toString());
        socket.write(`echo ${bytes.toString()}`);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.open((server.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
    server.close();
  });

  async function open(): Promise<Socket> {
    const client = connect(proxy.port, '127.0.0.1');
    client.on('error', () => undefined);
    clients.push(client);
    client.resume();
    const accepted = once(server, 'connection');
    await once(client, 'connect');
    await accepted;
    return client;
  }

  it('passes bytes on, both ways', async () => {
    const client = await open();
    expect(await ask(client, 'one')).toBe('echo one');
    expect(proxy.connectionCount).toBe(1);
  });

  it('keeps what is sent while it pauses, and delivers it in order', async () => {
    const client = await open();
    await ask(client, 'before');
    proxy.setFlow({ kind: 'pause' }, 'toServer');
    const other = await open();
    client.write('held');
    expect(heard).toEqual(['before']);
    const answer = once(client, 'data') as Promise<[Buffer]>;
    proxy.setFlow({ kind: 'pass' });
    expect((await answer)[0].toString()).toBe('echo held');
    expect(await ask(other, 'after')).toBe('echo after');
    expect(heard).toEqual(['before', 'held', 'after']);
  });

  it('lets the server act on a request whose answer is lost', async () => {
    const client = await open();
    proxy.setFlow({ kind: 'drop' }, 'toClient');
    const [socket] = sockets;
    const closed = once(client, 'close');
    client.write('unanswered');
    await once(socket ?? server, 'data');
    socket?.end();
    await closed;
    expect(heard).toEqual(['unanswered']);
    expect(client.bytesRead).toBe(0);
  });

  it('delivers an answer before the end that follows it', async () => {
    const client = await open();
    const closed = once(client, 'close');
    proxy.setFlow({ kind: 'pass', delayMs: 20 }, 'toClient');
    client.write('last words');
    const [socket] = sockets;
    await once(socket ?? server, 'data');
    socket?.end();
    await closed;
    expect(client.bytesRead).toBe('echo last words'.length);
  });

  it('delays', async () => {
    const client = await open();
    await ask(client, 'quick');
    proxy.setFlow({ kind: 'pass', delayMs: 60 }, 'toClient');
    const sentAtMs = performance.now();
    await ask(client, 'slow');
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(59);
  });

  it('breaks connections and refuses new ones until told otherwise', async () => {
    const client = await open();
    const closed = once(client, 'close');
    proxy.refuse();
    await closed;
    const refused = connect(proxy.port, '127.0.0.1');
    refused.on('error', () => undefined);
    await once(refused, 'close');
    proxy.accept();
    expect(await ask(await open(), 'back')).toBe('echo back');
  });

  it('ends the connection to the server when the client leaves while it pauses', async () => {
    proxy.setFlow({ kind: 'pause' });
    const arriving = once(server, 'connection') as Promise<[Socket]>;
    const client = await open();
    client.write('never delivered');
    const [upstream] = await arriving;
    const closed = once(upstream, 'close');
    client.destroy();
    await closed;
    expect(heard).toEqual([]);
  });
});

async function ask(client: Socket, text: string): Promise<string> {
  const answer = once(client, 'data') as Promise<[Buffer]>;
  client.write(text);
  return (await answer)[0].toString();
}
