import type { Sql } from '@stewrd/db/connect.ts'
import type { DataKeys } from '@stewrd/db/data-keys.ts'
import { History } from '@stewrd/db/history.ts'
import type { LogRange } from '@stewrd/db/log-reader.ts'
import { readLog } from '@stewrd/db/log-reader.ts'
import { Projector } from '@stewrd/db/projector.ts'
import type { Entry } from '@stewrd/db/record.ts'
import { replayView } from '@stewrd/db/replay.ts'
import { Sequencer } from '@stewrd/db/sequencer.ts'
import { Views } from '@stewrd/db/views.ts'
import type { Logger } from 'pino'
import { errorFields } from './kernel/log.ts'

/** Everything that is read from the log, or derived from it. */
export type ReadModels = {
  views: Views
  history: History
  readLog(range: LogRange): AsyncIterable<Entry[]>
  sequencer: Sequencer
  projector: Projector
}
export type RunningReadModels = ReadModels & {
  /** Something was appended: there is work now. */
  poke(): void
  stop(): Promise<void>
}
type Options = {
  /** For who asks. */
  sql: Sql
  /** For what follows the log. */
  worker: Sql
  dataKeys: DataKeys
  node: string
  log: Logger
  /** The log has grown. */
  onLogged: () => void
  /** A view of an older version is rebuilt beside the one that readers see. A command is too short for that, and warns. */
  rebuilds: boolean
}

/** Starts the sequencer and the projector. On several nodes one of each works, and the others wait for its lease. */
export function startReadModels({ sql, worker, dataKeys, node, log, onLogged, rebuilds }: Options): RunningReadModels {
  let stopping = false
  const rebuild = (view: string) =>
    replayView({ sql: worker, dataKeys, node }, view).then(
      ({ events, leftOut, ms }) =>
        leftOut === 0
          ? log.info({ view, events, ms }, 'a view of an older version was rebuilt')
          : log.error(
              { view, events, leftOut, ms },
              'a view of an older version was rebuilt without some events: run `stewrd doctor`',
            ),
      (error: unknown) => {
        // Another node may be at it already.
        if (!stopping) log.warn({ view, err: errorFields(error) }, 'a view could not be rebuilt: run `stewrd replay`')
      },
    )
  const projector = new Projector({
    sql: worker,
    dataKeys,
    node,
    onError: (err) => log.warn({ err, part: 'projector' }, 'a step failed, and is tried again'),
    onSetAside: (rows) => {
      for (const { view, key, projectId, index, code } of rows)
        log.error(
          { view, row: key, project: projectId, event: index, code },
          'the database refused a row: the view goes on without it',
        )
    },
    onOutdated: (view) => {
      if (rebuilds) void rebuild(view)
      else log.warn({ view }, 'a view is of an older version')
    },
  })
  const sequencer = new Sequencer({
    sql: worker,
    node,
    onLogged: (size) => {
      projector.poke(size)
      onLogged()
    },
    onError: (err) => log.warn({ err, part: 'sequencer' }, 'a step failed, and is tried again'),
  })
  sequencer.start()
  projector.start()
  return {
    views: new Views(sql),
    history: new History({ sql, dataKeys, notices: worker }),
    readLog: (range) => readLog({ sql: worker, dataKeys }, range),
    sequencer,
    projector,
    poke: () => sequencer.poke(),
    async stop() {
      stopping = true
      await sequencer.stop()
      await projector.stop()
    },
  }
}
