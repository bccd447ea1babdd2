/** The way into a foreign cluster. */
import { spawn } from 'node:child_process'

export interface Proxy {
  /** `http://host:port` */
  base: string
  stop: () => void
}

/** `kubectl proxy` to a foreign cluster: whatever its kubeconfig needs for logging in, kubectl knows it. */
export async function startProxy(): Promise<Proxy> {
  const args = [`--kubeconfig=${process.env['HEADGATE_E2E_KUBECONFIG']}`, 'proxy', '--port=0']
  const child = spawn(process.env['HEADGATE_E2E_KUBECTL'] ?? 'kubectl', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const base = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`kubectl proxy ended with ${code}`)))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const address = /127\.0\.0\.1:\d+/.exec(text)?.[0]
      if (address !== undefined) resolve(`http://${address}`)
    })
  })
  return { base, stop: () => child.kill() }
}
