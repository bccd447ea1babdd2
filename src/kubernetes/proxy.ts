import { BlockList, isIP } from 'node:net'

export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * The proxy that the environment names for a server, by the rules of Go's `httpproxy`, which kubectl follows: lower-case
 * names first, never for this machine, and NO_PROXY as a list of names, suffixes, addresses, ranges, each with an
 * optional port, or `*`.
 */
export function proxyFor(server: string, env: Record<string, string | undefined>): string | undefined {
  const { protocol, hostname, port } = new URL(server)
  const name = protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const proxy = env[name] || env[name.toUpperCase()]
  if (!proxy || isLoopback(hostname)) return undefined
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const effective = port || (protocol === 'https:' ? '443' : '80')
  const exceptions = (env['no_proxy'] || env['NO_PROXY'] || '').split(',').map((each) => each.trim().toLowerCase())
  if (exceptions.some((each) => each !== '' && excepts(each, host, effective))) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function excepts(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true
  if (rule.includes('/')) return inRange(rule, host)
  const withPort = isIP(rule) === 6 ? null : /^(.+):(\d+)$/.exec(rule)
  if (withPort !== null && withPort[2] !== port) return false
  const name = (withPort?.[1] ?? rule).replace(/^\[|\]$/g, '').replace(/^\*/, '')
  if (isIP(name) !== 0) return name === host
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`)
}

function inRange(rule: string, host: string): boolean {
  const [address = '', bits = ''] = rule.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(address) === 0 || isIP(host) !== isIP(address) || !/^\d{1,3}$/.test(bits)) return false
  const list = new BlockList()
  try {
    list.addSubnet(address, Number(bits), family)
  } catch {
    return false
  }
  return list.check(host, family)
}
