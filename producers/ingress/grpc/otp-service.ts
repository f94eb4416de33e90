import { Refusal } from '../refusal.ts';
import { sendCode, verifyCode, type CodeDoor } from '../one-time-codes.ts';
import { unaryMethod, type CallSettings } from './call.ts';

type Status = 'FAILED' | 'SUCCESS';

/** As the seed answers what is no address: failed, and no error. */
const orFailed = async <Response>(work: Promise<Response>, failed: Response): Promise<Response> => {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.errors.some(({ pointer }) => pointer === '/email')) return failed;
    throw error;
  }
};

/** `OtpService`: codes for the usual purpose, the same as over HTTP. */
export const otpService = (door: CodeDoor, settings: CallSettings) => ({
  SendCode: unaryMethod<{ readonly email: string }, { readonly status: Status; readonly otpCode: string }>(
    settings,
    ({ email }, caller) => {
      const sent = async () => {
        const { code } = await sendCode(door, caller, { email });
        return { status: 'SUCCESS' as const, otpCode: code ?? '' };
      };
      return orFailed<{ readonly status: Status; readonly otpCode: string }>(sent(), { status: 'FAILED', otpCode: '' });
    },
  ),
  ValidateCode: unaryMethod<
    { readonly email: string; readonly otpCode: string },
    { readonly status: Status; readonly isValid: boolean }
  >(settings, ({ email, otpCode }, caller) => {
    const checked = async () => {
      const { result } = await verifyCode(door, caller, { email, code: otpCode });
      const isKnown = result === 'right' || result === 'wrong';
      return { status: isKnown ? ('SUCCESS' as const) : ('FAILED' as const), isValid: result === 'right' };
    };
    return orFailed<{ readonly status: Status; readonly isValid: boolean }>(checked(), {
      status: 'FAILED',
      isValid: false,
    });
  }),
});
