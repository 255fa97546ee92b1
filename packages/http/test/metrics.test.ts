import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Api, startApi } from './start-api.ts'

/** The value of one sample, such as `taskyard_queue_depth{namespace="default",queue="default",status="queued"}`. */
async function sample({ get }: Api, name: string): Promise<number | undefined> {
  const line = (await get('/metrics')).body.split('\n').find((text) => text.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

test('metrics are served in the Prometheus format with the process metrics', async (context) => {
  const api = await startApi(context)
  const response = await api.get('/metrics')
  assert.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(response.body, /^# TYPE taskyard_task_wait_seconds histogram$/m)
  assert.match(response.body, /^process_resident_memory_bytes /m)
})

test('the life of a task is counted', async (context) => {
  const api = await startApi(context)
  const id = await api.submit({ type: 'email', queue: 'default' })
  const labels = '{namespace="default",queue="default",type="email"}'
  assert.equal(await sample(api, `taskyard_tasks_submitted_total${labels}`), 1)
  assert.equal(await sample(api, 'taskyard_queue_depth{namespace="default",queue="default",status="queued"}'), 1)
  assert.ok(
    ((await sample(api, 'taskyard_queue_oldest_ready_age_seconds{namespace="default",queue="default"}')) as number) >=
      0,
  )
  const { lease } = await api.claim()
  const settle = (token: number) =>
    api.post('/api/v1/leases/settle', { outcomes: [{ taskId: id, token, outcome: 'succeeded' }] })
  await settle(lease.token + 1)
  await settle(lease.token)
  assert.equal(
    await sample(
      api,
      'taskyard_task_outcomes_total{namespace="default",queue="default",type="email",outcome="succeeded"}',
    ),
    1,
  )
  assert.equal(await sample(api, `taskyard_task_wait_seconds_count${labels}`), 1)
  assert.equal(
    await sample(
      api,
      'taskyard_task_execution_seconds_bucket{namespace="default",queue="default",type="email",le="+Inf"}',
    ),
    1,
  )
  assert.equal(await sample(api, 'taskyard_stale_writes_refused_total{operation="settle"}'), 1)
  assert.equal(await sample(api, 'taskyard_queue_depth{namespace="default",queue="default",status="succeeded"}'), 1)
})

test('leases that expire are counted by reason', async (context) => {
  const api = await startApi(context)
  await api.submit({ type: 't', timeoutSeconds: 0.05, maxAttempts: 1 })
  const { id } = await api.claim()
  await api.get(`/api/v1/tasks/${id}?waitSeconds=20`)
  assert.equal(await sample(api, 'taskyard_leases_expired_total{reason="timeout"}'), 1)
})

test('calls of the store are timed', async (context) => {
  const api = await startApi(context)
  await api.submit({ type: 't' })
  assert.ok(((await sample(api, 'taskyard_store_operation_seconds_count{operation="enqueue"}')) as number) >= 1)
  assert.ok(((await sample(api, 'taskyard_store_operation_seconds_sum{operation="enqueue"}')) as number) > 0)
})

test('problem documents are counted by code', async (context) => {
  const api = await startApi(context)
  await api.get('/api/v1/tasks/none')
  assert.equal(await sample(api, 'taskyard_http_problems_total{code="task_not_found"}'), 1)
})

test('the rounds and failures of each background loop are counted', async (context) => {
  const api = await startApi(context)
  assert.ok(((await sample(api, 'taskyard_loop_rounds_total{loop="throughput"}')) as number) >= 1)
  for (const { name } of api.engine.loops()) {
    assert.equal(await sample(api, `taskyard_loop_failures_total{loop="${name}"}`), 0)
    assert.equal(await sample(api, `taskyard_loop_failing{loop="${name}"}`), 0)
    assert.notEqual(await sample(api, `taskyard_loop_busy_seconds_total{loop="${name}"}`), undefined)
  }
})

test('a customer that is called as the rest is makes no series come twice', async (context) => {
  const api = await startApi(context, { metricLabels: 2 })
  const submit = (namespace: string, queue: string) =>
    api.post('/api/v1/tasks', { type: queue, queue, payload: 1 }, { 'taskyard-namespace': namespace })
  await submit('other', 'other')
  for (const queue of ['a', 'b', 'c']) await submit('default', queue)
  const names: readonly string[] = (await api.get('/metrics')).body.match(/^taskyard_[^ ]+/gm) ?? []
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  )
  assert.equal(await sample(api, 'taskyard_tasks_submitted_total{namespace="other",queue="other",type="other"}'), 3)
  assert.equal(await sample(api, 'taskyard_queue_depth{namespace="other",queue="other",status="queued"}'), 2)
})

test('the number of series is bounded', async (context) => {
  const api = await startApi(context, { metricLabels: 2 })
  for (const type of ['a', 'b', 'c', 'd']) await api.submit({ type, queue: `q-${type}` })
  assert.equal(await sample(api, 'taskyard_tasks_submitted_total{namespace="default",queue="q-a",type="a"}'), 1)
  assert.equal(await sample(api, 'taskyard_tasks_submitted_total{namespace="default",queue="q-c",type="c"}'), undefined)
  assert.equal(await sample(api, 'taskyard_tasks_submitted_total{namespace="other",queue="other",type="other"}'), 2)
  assert.equal(await sample(api, 'taskyard_queue_depth{namespace="other",queue="other",status="queued"}'), 2)
})

test('the process says what it is, who is connected, how large its store is, and whether it drains', async (context) => {
  const draining = new AbortController()
  const api = await startApi(context, { draining: draining.signal })
  api.engine.openSession({ workerId: 'w', queues: ['default'], types: null, onCancel: () => {} })
  assert.equal(await sample(api, 'taskyard_info{version="9.9.9",store="sqlite"}'), 1)
  assert.equal(await sample(api, 'taskyard_workers_connected'), 1)
  assert.ok(((await sample(api, 'taskyard_store_size_bytes')) as number) > 0)
  assert.equal(await sample(api, 'taskyard_draining'), 0)
  draining.abort()
  assert.equal(await sample(api, 'taskyard_draining'), 1)
})

test('requests are timed by route and status, streams not', async (context) => {
  const api = await startApi(context)
  const id = await api.submit({ type: 't' })
  for (const unknown of ['1', '2']) await api.get(`/api/v1/tasks/${unknown}`)
  await api.post(`/api/v1/tasks/${id}/cancel`)
  await api.get(`/api/v1/tasks/${id}/events`, { accept: 'text/event-stream' })
  const count = (labels: string) => sample(api, `taskyard_http_request_seconds_count{${labels}}`)
  assert.equal(await count('method="GET",route="/api/v1/tasks/:id",status="404"'), 2)
  assert.equal(await count('method="POST",route="/api/v1/tasks",status="202"'), 1)
  assert.doesNotMatch((await api.get('/metrics')).body, /route="[^"]*\/events"/)
})

test('no gauge has a name that ends as that of a counter', async (context) => {
  const { body } = await (await startApi(context)).get('/metrics')
  assert.doesNotMatch(body, /^# TYPE \S+_total (?!counter)/m)
})
