# The backend's sources, in one list: nvcc's build (kernels/cuda) and the device model's (tests/device_model) read it. scan.cu is
# not in it, since the model has its own.
set(countem_cuda_kernels noise hits components labels order hit_events peaks counts reduce)
set(countem_cuda_host batch_sizes batch_slot bus counter counting_scratch device_calibration devices device_feed kept_reductions methods pinned_frames reducer resources
                      streamed_counter)
