import { type Finding, finding } from '@taskyard/core'
import type { MongoClient } from 'mongodb'

interface Member {
  readonly name: string
  readonly stateStr: string
  readonly health: number
  readonly optimeDate?: Date
}

/** A secondary this far behind holds up `w:majority` when another one is lost. Seconds. */
const LARGEST_LAG_SECONDS = 10
/** Secondaries that were away for longer than the oplog reaches back must be copied anew. Hours. */
const SHORTEST_OPLOG_HOURS = 24

/** Whether a majority can confirm writes, also when one more member is lost. */
export async function replicationFinding(client: MongoClient): Promise<Finding> {
  const status = await client
    .db('admin')
    .command({ replSetGetStatus: 1 })
    .catch(() => null)
  if (status === null) return finding.ok('replication', 'the user may not ask (clusterMonitor)')
  const members = status.members as readonly Member[]
  const holding = members.filter(({ stateStr, health }) => health === 1 && /^(PRIMARY|SECONDARY)$/.test(stateStr))
  const detail = `${holding.length} of ${members.length} members hold data and are up`
  const majority = Math.floor(members.length / 2) + 1
  if (holding.length < majority) {
    return finding.problem('replication', `${detail}: no majority can confirm a write`, 'Bring the other members back.')
  }
  if (holding.length === majority && members.length > 1) {
    const advice =
      'One more lost member stops all writes: bring the others back, or put a data-bearing member for an arbiter.'
    return finding.warning('replication', detail, advice)
  }
  const lag = lagSeconds(holding)
  const shown = `${detail}, the last is ${lag} s behind`
  if (lag <= LARGEST_LAG_SECONDS) return finding.ok('replication', shown)
  return finding.warning('replication', shown, 'Look at the load and the disk of the member that is behind.')
}

function lagSeconds(members: readonly Member[]): number {
  const times = members.map(({ optimeDate }) => optimeDate?.getTime() ?? 0)
  return Math.round((Math.max(...times) - Math.min(...times)) / 1000)
}

/** How long a member may be away and still catch up. */
export async function oplogFinding(client: MongoClient): Promise<Finding> {
  const oplog = client.db('local').collection<{ wall?: Date }>('oplog.rs')
  const end = (order: 1 | -1) =>
    oplog
      .find({}, { projection: { wall: 1 } })
      .sort({ $natural: order })
      .limit(1)
      .next()
  try {
    const [first, last] = await Promise.all([end(1), end(-1)])
    const hours = ((last?.wall?.getTime() ?? 0) - (first?.wall?.getTime() ?? 0)) / 3_600_000
    const detail = `reaches back ${hours.toFixed(1)} h`
    if (hours >= SHORTEST_OPLOG_HOURS) return finding.ok('oplog', detail)
    return finding.warning('oplog', detail, 'If it has been full for long, make it larger: replSetResizeOplog.')
  } catch {
    return finding.ok('oplog', 'the user may not ask (read on local)')
  }
}
