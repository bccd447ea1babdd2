/** Certificates, tokens and kubeconfigs of a cluster. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FIRST_SERVICE_ADDRESS, NODE_ADDRESS } from './network.ts'

const call = promisify(execFile)

export const API_SERVER = `https://${NODE_ADDRESS}:6443`

export interface User {
  /** also the name of the kubeconfig file */
  id: string
  /** name that the API server knows the user by */
  name: string
  groups: string[]
}

/** Whoever talks to the API server. `deployer` and `stranger` have no rights until a test grants some. */
export const USERS: readonly User[] = [
  { id: 'admin', name: 'admin', groups: ['system:masters'] },
  { id: 'observer', name: 'observer', groups: ['system:masters'] },
  { id: 'deployer', name: 'deployer', groups: [] },
  { id: 'stranger', name: 'stranger', groups: [] },
  { id: 'controller-manager', name: 'system:kube-controller-manager', groups: [] },
  { id: 'scheduler', name: 'system:kube-scheduler', groups: [] },
  { id: 'proxy', name: 'system:kube-proxy', groups: [] },
  { id: 'traefik', name: 'traefik', groups: ['system:masters'] },
  { id: 'kubelet', name: 'system:node:node1', groups: ['system:nodes'] },
]

export function tokenOf(id: string): string {
  return `token-of-${id}`
}

export interface Keys {
  authority: string
  serverCertificate: string
  serverKey: string
  proxyCertificate: string
  proxyKey: string
  accountKey: string
  tokens: string
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const NAMES = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc']
const ADDRESSES = ['127.0.0.1', NODE_ADDRESS, FIRST_SERVICE_ADDRESS]

/** Makes all keys in `folder`, which must be readable by its owner only. Takes about a third of a second. */
export async function makeKeys(folder: string): Promise<Keys> {
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): Promise<unknown> => call('openssl', args, { cwd: folder })
  const sign = async (name: string, subject: string, extensions: string[]): Promise<void> => {
    const request = `${name}.csr`
    await openssl('req', ...EC_KEY, '-subj', `/CN=${subject}`, '-keyout', `${name}.key`, '-out', request)
    const issued = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-CAserial', `${name}.serial`]
    await openssl('x509', '-req', '-in', request, ...issued, '-days', '365', ...extensions, '-out', `${name}.crt`)
  }
  // The API server reads the RSA key for both signing and checking the tokens of service accounts.
  const account = openssl('genrsa', '-out', 'accounts.key', '2048')
  await openssl(
    'req',
    '-x509',
    ...EC_KEY,
    '-days',
    '365',
    '-subj',
    '/CN=test-ca',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  )
  const alternatives = [...NAMES.map((name) => `DNS:${name}`), ...ADDRESSES.map((address) => `IP:${address}`)]
  writeFileSync(file('server.ext'), `subjectAltName=${alternatives.join(',')}\n`)
  await Promise.all([
    sign('server', 'kube-apiserver', ['-extfile', 'server.ext']),
    sign('front-proxy', 'front-proxy', []),
    account,
  ])
  const tokens = USERS.map(({ id, name, groups }) => {
    const row = [tokenOf(id), name, id]
    return groups.length > 0 ? [...row, `"${groups.join(',')}"`].join(',') : row.join(',')
  })
  writeFileSync(file('tokens.csv'), `${tokens.join('\n')}\n`)
  return {
    authority: file('ca.crt'),
    serverCertificate: file('server.crt'),
    serverKey: file('server.key'),
    proxyCertificate: file('front-proxy.crt'),
    proxyKey: file('front-proxy.key'),
    accountKey: file('accounts.key'),
    tokens: file('tokens.csv'),
  }
}

/** A kubeconfig as JSON, which every reader of YAML takes. */
export function kubeconfig(authorityFile: string, user: string, token: string, namespace = 'default'): string {
  const authority = readFileSync(authorityFile).toString('base64')
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: API_SERVER, 'certificate-authority-data': authority } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user, namespace } }],
  })
}
