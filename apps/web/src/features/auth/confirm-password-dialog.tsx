import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { usePasswordQuestion } from '../../lib/password-prompt.ts'
import { messageOf } from '../../lib/trpc.ts'
import { useConfirmPassword } from './queries.ts'

/** Asks for the password when the server wants it fresh. What was being sent is sent again once it is confirmed. */
export function ConfirmPasswordDialog({ email }: { email: string }) {
  const question = usePasswordQuestion()
  return (
    <Dialog
      above
      open={question !== undefined}
      onOpenChange={(open) => !open && question?.settle(false)}
      title="Confirm your password"
      description="You entered it more than five minutes ago. This action needs it again."
    >
      {question && <ConfirmPasswordForm email={email} onEnd={question.settle} />}
    </Dialog>
  )
}

function ConfirmPasswordForm({ email, onEnd }: { email: string; onEnd: (confirmed: boolean) => void }) {
  const confirm = useConfirmPassword()
  const [password, setPassword] = useState('')
  const submit = async () => {
    await confirm.mutateAsync({ password })
    onEnd(true)
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void submit().catch(() => setPassword(''))
      }}
    >
      <div className="px-5 py-4">
        <input type="text" autoComplete="username" value={email} readOnly hidden />
        <Field label="Password" error={confirm.isError ? messageOf(confirm.error) : undefined}>
          {(ids) => (
            <Input
              {...ids}
              type="password"
              autoComplete="current-password"
              autoFocus
              required
              maxLength={128}
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
      </div>
      <DialogFooter>
        <Button onClick={() => onEnd(false)}>Cancel</Button>
        <Button type="submit" look="primary" disabled={!password} busy={confirm.isPending}>
          Confirm
        </Button>
      </DialogFooter>
    </form>
  )
}
