import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FakeGitHub } from '../github/server.ts'

export interface Reaction {
  comment: number
  content: string
}

export interface Repository {
  /** for `GITHUB_API_URL` */
  url: string
  reactions: Reaction[]
  close(): Promise<void>
}

/** What recipes ask of GitHub and Headgate does not: rights of people, and reactions. All else goes to the stand-in. */
export async function startRepository(github: FakeGitHub, rights: Record<string, string>): Promise<Repository> {
  const reactions: Reaction[] = []
  const server = createServer((request, response) => {
    void answer(github, rights, reactions, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    reactions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  github: FakeGitHub,
  rights: Record<string, string>,
  reactions: Reaction[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part)
  const body = Buffer.concat(parts).toString('utf8')
  const [, person] = /^\/repos\/[^/]+\/[^/]+\/collaborators\/([^/]+)\/permission$/.exec(request.url ?? '') ?? []
  const [, comment] = /^\/repos\/[^/]+\/[^/]+\/issues\/comments\/(\d+)\/reactions$/.exec(request.url ?? '') ?? []
  const end = (status: number, value: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  if (person !== undefined) {
    const permission = rights[person]
    return permission === undefined ? end(404, { message: 'Not Found' }) : end(200, { permission })
  }
  if (comment !== undefined && request.method === 'POST') {
    const { content } = JSON.parse(body) as { content: string }
    reactions.push({ comment: Number(comment), content })
    return end(201, { content })
  }
  const { authorization = '' } = request.headers
  const passed = await fetch(`${github.url}${request.url ?? ''}`, {
    method: request.method ?? 'GET',
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === '' ? {} : { body }),
  })
  response.writeHead(passed.status, { 'content-type': 'application/json', link: passed.headers.get('link') ?? '' })
  response.end(await passed.text())
}
