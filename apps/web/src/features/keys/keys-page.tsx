import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Card, PageHeader } from '../../components/ui/surface.tsx'
import { count } from '../../lib/format.ts'
import { messageOf } from '../../lib/trpc.ts'
import { KeyRow } from './key-row.tsx'
import type { MasterKeyRow } from './queries.ts'
import { useMasterKeys, useRetireKey, useRotateMaster } from './queries.ts'
import { RotationProgress } from './rotation-progress.tsx'

/** Master keys: what depends on each, and how to leave one. */
export function KeysPage() {
  const rotate = useRotateMaster()
  const keys = useMasterKeys(rotate.isPending)
  const retire = useRetireKey()
  const [asking, setAsking] = useState(false)
  const [retiring, setRetiring] = useState<MasterKeyRow>()
  if (keys.isError) return <Failed error={keys.error} retry={() => void keys.refetch()} />
  if (!keys.data) return <Skeleton className="h-56" />
  const { rotation } = keys.data
  return (
    <>
      <PageHeader
        title="Master keys"
        description="Every project's data keys are wrapped under a master key. A rotation moves them all to a new one while everything runs."
        actions={
          <Button look="primary" busy={rotate.isPending || rotation !== null} onClick={() => setAsking(true)}>
            Rotate
          </Button>
        }
      />
      <div className="grid gap-5">
        {rotation && <RotationProgress keys={keys.data.keys} to={rotation.to} />}
        {rotate.isError && <Notice tone="bad">{messageOf(rotate.error)}</Notice>}
        {rotate.data && (
          <Notice tone="good">
            {count(rotate.data.values)} values are under {rotate.data.to.id}.{' '}
            {rotate.data.from.map(({ id }) => `0 values left under key ${id}.`).join(' ')}
          </Notice>
        )}
        <Card title="Keys">
          <ul className="divide-y">
            {keys.data.keys.map((key) => (
              <KeyRow key={`${key.id}/${key.version}`} row={key} locked={rotation !== null} onRetire={setRetiring} />
            ))}
          </ul>
        </Card>
      </div>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title="Rotate the master key?"
        confirm="Rotate"
        busy={false}
        error={null}
        onConfirm={async () => {
          setAsking(false)
          await rotate.mutateAsync()
        }}
      >
        Every data key moves to a new master key. Runs go on meanwhile, and no event is touched. Back up the new keyring
        afterwards.
      </ConfirmDialog>
      <ConfirmDialog
        open={retiring !== undefined}
        onOpenChange={() => setRetiring(undefined)}
        title="Retire this master key?"
        confirm="Retire"
        danger
        busy={retire.isPending}
        error={retire.error}
        onConfirm={async () => {
          if (retiring) await retire.mutateAsync({ key: `${retiring.id}/${retiring.version}` })
          setRetiring(undefined)
        }}
      >
        {retiring?.id} is destroyed in its keyring and cannot come back. Older backups of the database cannot be read
        without it.
      </ConfirmDialog>
    </>
  )
}
