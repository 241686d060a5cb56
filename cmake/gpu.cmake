# Computing on GPUs: ./setup --cuda or --vulkan builds llama.cpp with that backend, beside the one
# without, and configures this project to link it. All layers of a model lie on the GPU.
option(CONFIDE_CUDA "compute on NVIDIA's GPUs" OFF)
option(CONFIDE_VULKAN "compute on GPUs by Vulkan" OFF)
if(CONFIDE_CUDA AND CONFIDE_VULKAN)
  message(FATAL_ERROR "CONFIDE_CUDA and CONFIDE_VULKAN: only one of them")
endif()

set(llama_gpu "")
set(llama_gpu_libraries "")
if(CONFIDE_CUDA)
  find_package(CUDAToolkit 12 QUIET)
  if(NOT CUDAToolkit_FOUND)
    message(FATAL_ERROR "CONFIDE_CUDA needs NVIDIA's CUDA toolkit, 12 or newer, and found none: "
      "put its nvcc on the PATH or its folder into CUDAToolkit_ROOT")
  endif()
  set(llama_gpu cuda)
  set(llama_gpu_libraries CUDA::cudart_static CUDA::cublas CUDA::cublasLt CUDA::cuda_driver)
elseif(CONFIDE_VULKAN)
  # llama.cpp speaks of VK_EXT_layer_settings, which came with these headers.
  find_package(Vulkan 1.3.272 QUIET COMPONENTS glslc)
  if(NOT Vulkan_FOUND)
    message(FATAL_ERROR "CONFIDE_VULKAN needs Vulkan's headers, 1.3.272 or newer (Debian 12 has "
      "1.3.239), its loader and glslc: install a Vulkan SDK and put its folder into VULKAN_SDK")
  endif()
  set(llama_gpu vulkan)
  set(llama_gpu_libraries Vulkan::Vulkan)
endif()
