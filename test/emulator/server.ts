import http from 'node:http'
import type { HttpRequest } from '../../src/kubernetes/transport.ts'
import { type Answer, jsonAnswer, LineStream } from './api/request.ts'
import type { Emulator } from './emulator.ts'
import { ApiError } from './errors.ts'

export interface Listening {
  url: string
  /** text of a kubeconfig for the user `admin` */
  kubeconfig: string
  /** text of a kubeconfig for the user of another token */
  kubeconfigFor(token: string): string
  close(): Promise<void>
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])

function isMethod(method: string): method is HttpRequest['method'] {
  return METHODS.has(method)
}

/** HTTP/1.1 on the loopback interface, with bearer tokens. */
export async function listen(emulator: Emulator, port: number): Promise<Listening> {
  const server = http.createServer((request, response) => void serve(emulator, request, response))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}`
  return {
    url,
    kubeconfig: kubeconfig(url, 'tok-admin'),
    kubeconfigFor: (token) => kubeconfig(url, token),
    close: () =>
      new Promise((resolve) => {
        emulator.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function kubeconfig(url: string, token: string): string {
  return `apiVersion: v1
kind: Config
current-context: emulator
clusters:
- name: emulator
  cluster: {server: "${url}"}
users:
- name: user
  user: {token: ${token}}
contexts:
- name: emulator
  context: {cluster: emulator, user: user}
`
}

async function serve(emulator: Emulator, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part)
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const user = emulator.userOf(token)
  const method = request.method ?? 'GET'
  if (!isMethod(method))
    return end(
      response,
      jsonAnswer(
        405,
        new ApiError(
          405,
          'MethodNotAllowed',
          'the server does not allow this method on the requested resource',
          {},
        ).status(),
      ),
    )
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]))
  try {
    const body = Buffer.concat(parts).toString()
    const answer = await emulator.handle(
      { method, path: request.url ?? '/', headers, body },
      user ?? { name: '', groups: [] },
    )
    end(response, answer)
  } catch {
    request.socket.destroy()
  }
}

function end(response: http.ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers)
  if (!(answer.body instanceof LineStream)) {
    response.end(answer.body)
    return
  }
  const { body } = answer
  response.flushHeaders()
  response.on('close', () => body.end())
  void pipe(body, response)
}

async function pipe(body: LineStream, response: http.ServerResponse): Promise<void> {
  try {
    for await (const line of body) response.write(`${line}\n`)
    response.end()
  } catch {
    response.socket?.destroy()
  }
}
