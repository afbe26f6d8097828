variable "package" {
  description = "The directory that infra/package.sh made."
  type        = string
}

variable "bucket" {
  description = "A bucket of your own in the region of the stack, which gets the package."
  type        = string
}

variable "region" {
  description = "The region of the bucket and of the stack: that of the AWS provider."
  type        = string
}

variable "architecture" {
  description = "Which function of the package is deployed."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Give arm64 or x86_64."
  }
}

variable "stack_name" {
  description = "The name of the stack."
  type        = string
  default     = "asg-patch"
}

variable "parameters" {
  description = "The stack's parameters (infra/README.md). What is not given has the template's default."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of the stack and of all that it makes."
  type        = map(string)
  default     = {}
}
