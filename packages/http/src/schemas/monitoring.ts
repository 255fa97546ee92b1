import { TASK_STATUSES } from '@taskyard/core'

export const queueSchema = {
  $id: 'Queue',
  type: 'object',
  required: ['queue', 'paused', 'counts', 'oldestReadyAgeSeconds', 'throughput'],
  properties: {
    queue: { type: 'string' },
    paused: { type: 'boolean' },
    counts: {
      type: 'object',
      required: TASK_STATUSES,
      properties: Object.fromEntries(TASK_STATUSES.map((status) => [status, { type: 'integer' }])),
    },
    oldestReadyAgeSeconds: { type: ['number', 'null'] },
    throughput: { type: 'number', description: 'Tasks finished per second, over the last minute at most.' },
  },
} as const

export const workerSchema = {
  $id: 'Worker',
  type: 'object',
  required: [
    'workerId',
    'queues',
    'types',
    'concurrency',
    'connected',
    'watched',
    'embedded',
    'leases',
    'connectedAt',
    'seenAt',
  ],
  properties: {
    workerId: { type: 'string' },
    queues: { type: 'array', items: { type: 'string' }, description: '* is every queue; none: not known.' },
    types: {
      type: ['array', 'null'],
      items: { type: 'string' },
      description: 'null: every type, or not known (queues says none then).',
    },
    concurrency: { type: ['integer', 'null'] },
    connected: { type: 'boolean' },
    watched: {
      type: 'boolean',
      description: 'Its death would be noticed; false: it claims without a session.',
    },
    embedded: { type: 'boolean', description: 'It lives in the server process.' },
    leases: { type: 'integer', description: 'Tasks it holds now.' },
    connectedAt: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'null: it has no session with this server.',
    },
    seenAt: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'When it asked for tasks last; now, while it waits or keeps a session. null: not known.',
    },
  },
} as const

export const infoSchema = {
  $id: 'Info',
  type: 'object',
  required: ['name', 'version', 'nodeId', 'stack', 'durability', 'limits'],
  properties: {
    name: { type: 'string', const: 'taskyard' },
    version: { type: 'string' },
    nodeId: { type: 'string', description: 'This server process.' },
    stack: { type: 'object', additionalProperties: { type: ['string', 'null'] } },
    durability: { type: 'string', description: 'What an acknowledgement is worth.' },
    limits: { type: 'object', additionalProperties: { type: 'number' } },
  },
} as const

const loopSchema = {
  type: 'object',
  required: ['name', 'intervalSeconds', 'healthy', 'lastRunAt', 'failingSince', 'reason'],
  properties: {
    name: { type: 'string' },
    intervalSeconds: { type: ['number', 'null'], description: 'null: it runs when something is due.' },
    healthy: { type: 'boolean' },
    lastRunAt: { type: ['string', 'null'], format: 'date-time', description: 'When it last did its work.' },
    failingSince: { type: ['string', 'null'], format: 'date-time' },
    reason: { type: ['string', 'null'], description: 'Why it fails.' },
  },
} as const

export const healthSchema = {
  $id: 'Health',
  type: 'object',
  required: ['status', 'dependencies', 'services'],
  additionalProperties: { type: 'string', description: 'Each dependency by its kind: connected or disconnected.' },
  properties: {
    name: { type: 'string', const: 'taskyard' },
    status: { type: 'string', enum: ['healthy', 'unhealthy'] },
    version: { type: 'string' },
    dependencies: { type: 'object', additionalProperties: { type: 'object' } },
    services: { type: 'array', items: loopSchema, description: 'Every background loop of this process.' },
  },
} as const
