import { describe, expect, it } from 'vitest'
import { previewFindings } from '../../../src/preflight/preview.ts'
import { service } from './release.ts'

describe('the name of a preview', () => {
  const longest = 'w'.repeat(55)
  const tooLong = 'w'.repeat(56)
  const takes = (name: string): { namespace: string; name: string }[] => [{ namespace: 'shop', name }]
  const released = { object: service({ metadata: { name: tooLong } }), place: { file: 'web.yaml', line: 1 } }

  it('fits up to 55 characters', () => {
    expect(previewFindings(takes(longest), [])).toEqual([])
  })

  it('is refused beyond, with both lengths and the line of the name', () => {
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const [finding, ...more] = previewFindings(takes(tooLong), [{ ...released, placeOf }])
    expect(more).toEqual([])
    expect(finding).toEqual({
      id: 'preview-name',
      severity: 'error',
      object: { apiVersion: 'v1', kind: 'Service', name: tooLong, namespace: 'shop' },
      place: { file: 'metadata.name' },
      reason: `blue/green would make the Service ${tooLong}-preview, and this name has 64 characters; Kubernetes takes 63`,
      mend: `give Service/${tooLong} a name of at most 55 characters, or use another strategy`,
    })
  })

  it('is placed at the manifest where the line of the name is not known, and nowhere outside of the release', () => {
    expect(previewFindings(takes(tooLong), [released])).toMatchObject([{ place: { file: 'web.yaml', line: 1 } }])
    const elsewhere = { ...released, object: service({ metadata: { name: tooLong, namespace: 'x' } }) }
    const [finding] = previewFindings(takes(tooLong), [elsewhere])
    expect(finding?.id).toBe('preview-name')
    expect(finding).not.toHaveProperty('place')
  })
})
