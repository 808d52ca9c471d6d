/** What the adapter can do. Each has a transcript in test/debug/transcripts, and a test compares. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { propertyIds } from '../language/properties';
import { propertyTexts } from '../vm/property-texts';

/** The answer to `initialize`. */
export const capabilities: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsFunctionBreakpoints: true,
  supportsBreakpointLocationsRequest: true,
  supportsEvaluateForHovers: true,
  supportsStepBack: true,
  supportsSteppingGranularity: true,
  supportsRestartRequest: true,
  supportsTerminateRequest: true,
  supportsExceptionInfoRequest: true,
  supportsLoadedSourcesRequest: true,
  supportsDelayedStackTraceLoading: true,
  exceptionBreakpointFilters: [
    ...propertyIds.map(id => ({ filter: id, label: id, description: propertyTexts[id], default: true })),
    {
      filter: 'io-page-fault',
      label: 'io-page-fault',
      description: 'An IOMMU refuses an access. That may be right, so it is no violation.',
      default: false,
    },
  ],
};
