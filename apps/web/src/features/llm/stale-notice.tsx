import { Button } from '../../components/ui/button.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { ChangeSummary } from './change-summary.tsx'
import type { Change } from './change-summary.tsx'

type Props = { difference: readonly Change[]; changedBy: string | undefined; onTake: () => void }

/** Somebody else changed it while it was being edited: what they changed, and how to go on. */
export const StaleNotice = ({ difference, changedBy, onTake }: Props) => (
  <Notice tone="warn" title={`${changedBy ?? 'Somebody else'} changed this while you were editing`}>
    <p className="mb-2">Nothing of yours was saved. This is what changed meanwhile:</p>
    <ChangeSummary changes={difference} empty="It is what it was when you began." />
    <div className="mt-2.5">
      <Button size="sm" onClick={onTake}>
        Go on from the new state
      </Button>
    </div>
  </Notice>
)
