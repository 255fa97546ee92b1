import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jsonReport, type Measured, textReport } from '../report/report.ts'

const measured: Measured = {
  scenario: 'http-submit',
  settings: ['100 connections'],
  recorded: ['PostgreSQL: server_version 15'],
  conditions: {
    date: '2026-11-21T00:00:00.000Z',
    cpu: 'Some CPU',
    cores: 2,
    memoryGiB: 8,
    kernel: 'Linux 6',
    node: 'v24',
    sqlite: '3',
    filesystem: 'ext4',
    fsyncMicroseconds: { p50: 50, p99: 100 },
    loadBefore: 0.1,
  },
  runs: [30_000, 20_000, 26_000].map((value) => [
    { name: 'submitted', unit: 'tasks/s', value, target: { atLeast: 25_000 } },
    { name: 'latency p99', unit: 'ms', value: value / 1000, target: { atMost: 25 } },
  ]),
}

describe('the report', () => {
  it('gives median, least and greatest of every figure', () => {
    const { figures } = JSON.parse(jsonReport(measured))
    assert.deepEqual(
      figures.map(({ name, median, min, max }: Record<string, unknown>) => ({ name, median, min, max })),
      [
        { name: 'submitted', median: 26_000, min: 20_000, max: 30_000 },
        { name: 'latency p99', median: 26, min: 20, max: 30 },
      ],
    )
  })

  it('says of every target whether its median meets it', () => {
    const lines = textReport(measured).split('\n')
    assert.match(lines.find((line) => line.includes('submitted')) ?? '', /26,000 .* ≥ 25,000: met/)
    assert.match(lines.find((line) => line.includes('latency p99')) ?? '', /26\.00 .* ≤ 25\.00: MISSED/)
  })

  it('takes the mean of the middle two of an even number of runs', () => {
    const { figures } = JSON.parse(jsonReport({ ...measured, runs: measured.runs.slice(0, 2) }))
    assert.equal(figures[0].median, 25_000)
  })
})
