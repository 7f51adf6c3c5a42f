import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Server as TcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsIdentity } from '../../support/self-signed.js';

/** A page with one form that is sent by its one button. */
export function formPage(action: string, { fields = '', sandboxed = false } = {}): string {
  const form = `<form method="post" action="${action}">${fields}<button>Send</button></form>`;
  const body = sandboxed ? `<iframe sandbox="allow-forms" srcdoc='${form}'></iframe>` : form;
  return `<!doctype html><title>A page</title><body>${body}</body>`;
}

/** Somebody else's web server: it shows a form for whatever address it is told, and sends a POST on to it. */
export async function startForeignSite(): Promise<Site> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://foreign');
    const action = searchParams.get('action') ?? '';
    if (request.method === 'POST') response.writeHead(307, { Location: action }).end();
    else
      response
        .setHeader('Content-Type', 'text/html')
        .end(formPage(action, { fields: searchParams.get('fields') ?? '' }));
  });
  return { port: await listen(server), close: () => closeAll(server) };
}

/** A proxy that ends TLS and passes everything on as it is. */
export async function startTlsProxy(targetPort: number, identity: TlsIdentity): Promise<Site> {
  const server = createTlsServer(identity, (client) => {
    const target = connect(targetPort, '127.0.0.1');
    client.on('error', () => target.destroy());
    target.on('error', () => client.destroy());
    client.pipe(target).pipe(client);
  });
  const sockets = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => sockets.add(socket));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await closeAll(server);
  };
  return { port: await listen(server), close };
}

export interface Site {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(server: TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function closeAll(server: Server | TcpServer): Promise<void> {
  if ('closeAllConnections' in server) server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
