/** The port where the API server asks for container logs. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import { formatLine, type LogQuery } from './logs.ts'
import type { PodWorker } from './pod.ts'
import type { KubeletSettings } from './settings.ts'

const FOLLOW_POLL_MS = 100

function readQuery(parameters: URLSearchParams): LogQuery {
  const number = (name: string): number | undefined => {
    const text = parameters.get(name)
    return text === null ? undefined : Number(text)
  }
  const seconds = number('sinceSeconds')
  const time = parameters.get('sinceTime')
  const since = seconds === undefined ? (time === null ? undefined : Date.parse(time)) : Date.now() - seconds * 1_000
  const tailLines = number('tailLines')
  const limitBytes = number('limitBytes')
  return {
    previous: parameters.get('previous') === 'true',
    timestamps: parameters.get('timestamps') === 'true',
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(since === undefined ? {} : { since }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  }
}

type FindPod = (namespace: string, name: string) => PodWorker | undefined

function answer(find: FindPod, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'https://node')
  const [, verb, namespace = '', name = '', container = ''] = url.pathname.split('/')
  const refuse = (status: number, why: string): void => {
    response.writeHead(status, { 'content-type': 'text/plain' })
    response.end(why)
  }
  const found = verb === 'containerLogs' ? find(namespace, name)?.log(container) : undefined
  if (found === undefined) return refuse(404, `pod or container "${namespace}/${name}/${container}" not found`)
  if (found.waiting !== undefined)
    return refuse(400, `container "${container}" in pod "${name}" is waiting to start: ${found.waiting}`)
  const query = readQuery(url.searchParams)
  const text = found.log.read(query)
  if (text === undefined) return refuse(400, `previous terminated container "${container}" in pod "${name}" not found`)
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.write(text)
  if (url.searchParams.get('follow') !== 'true' || query.previous || !found.alive) return void response.end()
  const stop = found.log.listen((line) => response.write(formatLine(line, query.timestamps)))
  const timer = setInterval(() => {
    if (find(namespace, name)?.log(container)?.alive !== true) response.end()
  }, FOLLOW_POLL_MS)
  response.once('close', () => {
    stop()
    clearInterval(timer)
  })
}

export function serveLogs(settings: KubeletSettings, find: FindPod): void {
  const keys = { cert: readFileSync(settings.certificateFile), key: readFileSync(settings.keyFile) }
  https.createServer(keys, (request, response) => answer(find, request, response)).listen(10_250, settings.nodeAddress)
}
