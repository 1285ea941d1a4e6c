// The package brings no types. Names and meanings: speex_resampler.h of SpeexDSP.
declare module '@echogarden/speex-resampler-wasm' {
  export interface SpeexModule {
    HEAP32: Int32Array;
    HEAPU32: Uint32Array;
    HEAPF32: Float32Array;
    _malloc(byteLength: number): number;
    _free(pointer: number): void;
    _speex_resampler_init(
      numberOfChannels: number,
      inputRate: number,
      outputRate: number,
      quality: number,
      error: number,
    ): number;
    _speex_resampler_destroy(state: number): void;
    _speex_resampler_skip_zeros(state: number): number;
    _speex_resampler_process_interleaved_float(
      state: number,
      input: number,
      inputLength: number,
      output: number,
      outputLength: number,
    ): number;
  }

  const load: (options?: object) => Promise<SpeexModule>;
  // eslint-disable-next-line import-x/no-default-export -- as the package exports it.
  export default load;
}
