/** Pictures of pages by headless Chromium, driven over its DevTools protocol. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const LONGEST_MS = 30_000

export interface Look {
  /** CSS pixels */
  width: number
  scheme: 'light' | 'dark'
}

/** Device pixels per CSS pixel: sharp on today's screens. */
const SCALE = 2

/** Path of a Chromium on PATH; undefined where there is none. */
export function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file))
}

export class Browser {
  readonly #child: ChildProcess
  readonly #profile: string
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #last = 0

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child
    this.#profile = profile
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer)
    })
  }

  static async open(program: string): Promise<Browser> {
    const profile = mkdtempSync(path.join(tmpdir(), 'headgate-browser-'))
    // The sandbox needs user namespaces, which containers often lack; only our own page is shown.
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', '--no-first-run']
    const child = spawn(program, [...flags, `--user-data-dir=${profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    const socket = new WebSocket(await addressOf(child))
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new Browser(child, profile, socket)
  }

  /** PNG of the whole page, as long as it is. */
  async picture(html: string, { width, scheme }: Look): Promise<Buffer> {
    const { targetId } = await this.#send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true })
    const ask = (method: string, params: object = {}): Promise<Result> => this.#send(method, params, sessionId)
    await ask('Emulation.setDeviceMetricsOverride', { width, height: 100, deviceScaleFactor: SCALE, mobile: false })
    await ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
    const { frameTree } = await ask('Page.getFrameTree')
    await ask('Page.setDocumentContent', { frameId: frameTree?.frame.id, html })
    await ask('Runtime.evaluate', { expression: 'document.fonts.ready', awaitPromise: true })
    const { cssContentSize } = await ask('Page.getLayoutMetrics')
    const clip = { x: 0, y: 0, width, height: Math.ceil(cssContentSize?.height ?? 0), scale: 1 }
    const { data = '' } = await ask('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true })
    await this.#send('Target.closeTarget', { targetId })
    return Buffer.from(data, 'base64')
  }

  #send(method: string, params: object, sessionId?: string): Promise<Result> {
    const id = ++this.#last
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the browser did not answer ${method}`)), LONGEST_MS)
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        if (result === undefined) reject(new Error(`${method}: ${error?.message ?? 'no answer'}`))
        else resolve(result)
      })
    })
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    await this.#send('Browser.close', {}).catch(() => this.#child.kill())
    await ended
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The fields of the protocol that are read here. */
interface Result {
  targetId?: string
  sessionId?: string
  frameTree?: { frame: { id: string } }
  cssContentSize?: { height: number }
  data?: string
}

interface Answer {
  id?: number
  result?: Result
  error?: { message: string }
}

/** Where the browser listens: it says so on its standard error. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => reject(new Error(`the browser did not start:\n${said}`)), LONGEST_MS)
    child.once('error', reject)
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8')
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

/** Version of the browser, for the log. */
export function versionOf(program: string): string {
  return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}
